"""Times a GGUF file's language model in llama.cpp, as the wheel xllamacpp carries it, and prints one line of JSON.

    python bench/vlm_llama.py language.gguf <word ids> <prompt tokens> <new tokens> <threads>

The times are llama.cpp's own, of its server's slot.
"""

import json
import sys
from itertools import cycle, islice

import xllamacpp


def serve(path: str, threads: int, places: int) -> xllamacpp.Server:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_ctx = places
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    return xllamacpp.Server(parameters)


def complete(server: xllamacpp.Server, prompt: list[int], new: int) -> dict:
    asked = {"prompt": prompt, "n_predict": new, "temperature": 0, "ignore_eos": True, "cache_prompt": False, "return_tokens": True}
    return server.handle_completions(asked)


def main() -> None:
    path, words, prompt, new, threads = sys.argv[1:]
    prompt, new = int(prompt), int(new)
    server = serve(path, int(threads), prompt + new + 64)
    ids = list(islice(cycle(map(int, words.split(","))), prompt))
    complete(server, ids[:16], 4)
    # The first new token is the prompt's last product.
    answer = complete(server, ids, new + 1)
    times = answer["timings"]
    line = {
        "implementation": "llama.cpp",
        "version": f"xllamacpp {xllamacpp.__version__}",
        "system": xllamacpp.get_system_info(),
        "prompt_tokens": times["prompt_n"],
        "prompt_tokens_per_s": times["prompt_per_second"],
        "new_tokens": times["predicted_n"],
        "new_tokens_per_s": times["predicted_per_second"],
        "ids": answer["tokens"],
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
