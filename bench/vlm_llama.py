"""Times a GGUF file's language model in llama.cpp, as the wheel xllamacpp carries it, and prints one line of JSON.

    python bench/vlm_llama.py language.gguf <word ids> <prompt tokens> <new tokens> <threads>

The times are llama.cpp's own, of its server's slot.
"""

import json
import sys
import time
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
    asked = {"prompt": prompt, "n_predict": new, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    return server.handle_completions(asked)


def main() -> None:
    path, words, prompt, new, threads = sys.argv[1:]
    prompt, new = int(prompt), int(new)
    server = serve(path, int(threads), prompt + new + 64)
    ids = list(islice(cycle(map(int, words.split(","))), prompt))
    complete(server, ids[:16], 4)
    # The server tells what the parts took by the wall; by the processor, it is the difference of two runs.
    start = time.process_time()
    complete(server, ids, 1)
    read = time.process_time()
    # The first new token is the prompt's last product.
    answer = complete(server, ids, new + 1)
    end = time.process_time()
    times = answer["timings"]
    line = {
        "implementation": "llama.cpp",
        "version": f"xllamacpp {xllamacpp.__version__}",
        "system": xllamacpp.get_system_info(),
        "prompt_tokens": times["prompt_n"],
        "prompt_tokens_per_s": times["prompt_per_second"],
        "prompt_cpu_ms": (read - start) * 1e3 / prompt,
        "new_tokens": times["predicted_n"],
        "new_tokens_per_s": times["predicted_per_second"],
        "new_cpu_ms": ((end - read) - (read - start)) * 1e3 / new,
        "text": answer["choices"][0]["text"],
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
