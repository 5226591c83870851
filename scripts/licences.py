#!/usr/bin/env python3
"""Checks the licence and the origin of every dependency against deny.toml.

Needs Python 3.11 and Cargo, and nothing from outside: cargo-deny takes minutes to compile, and where it is installed, it is
asked as well.

Licences are checked for every package that some target can compile (`cargo tree --target all`): normal, build and
development dependencies. `cargo metadata` would also list, and download, what only unused features need. Origins are
checked for every package in Cargo.lock.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CARGO = os.environ.get("CARGO", "cargo")
TOKEN = re.compile(r"\(|\)|/|[^\s()/]+")


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be satisfied; `/` is the old spelling of OR.

    >>> is_allowed("MIT OR GPL-3.0-only", {"MIT"}), is_allowed("MIT AND GPL-3.0-only", {"MIT"})
    (True, False)
    >>> is_allowed("(GPL-3.0-only OR MIT) AND Zlib", {"MIT", "Zlib"}), is_allowed("GPL-3.0-only/MIT", {"MIT"})
    (True, True)
    >>> is_allowed("GPL-3.0-only AND Zlib OR MIT", {"MIT"}), is_allowed("GPL-3.0-only AND (Zlib OR MIT)", {"MIT"})
    (True, False)

    An exception belongs to its licence: neither half alone is enough.

    >>> is_allowed("Apache-2.0 WITH LLVM-exception", {"Apache-2.0"})
    False
    >>> is_allowed("Apache-2.0 WITH LLVM-exception", {"Apache-2.0 WITH LLVM-exception"})
    True
    >>> is_allowed("", {"MIT"})
    False
    >>> is_allowed("MIT OR (Zlib", {"MIT"})
    False
    """
    tokens = TOKEN.findall(expression)
    try:
        value = either(tokens, allowed)
    except IndexError:
        return False
    return value and not tokens


def either(tokens, allowed):
    """terms joined by OR; consumes what it reads, as the next two do"""
    value = both(tokens, allowed)
    while tokens and tokens[0] in ("OR", "/"):
        tokens.pop(0)
        # Read the other side in any case: it has to be consumed.
        value = both(tokens, allowed) or value
    return value


def both(tokens, allowed):
    """terms joined by AND"""
    value = single(tokens, allowed)
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        value = single(tokens, allowed) and value
    return value


def single(tokens, allowed):
    """a licence, a licence WITH an exception, or an expression in parentheses"""
    token = tokens.pop(0)
    if token == "(":
        value = either(tokens, allowed)
        return tokens.pop(0) == ")" and value
    if tokens and tokens[0] == "WITH":
        tokens.pop(0)
        token = f"{token} WITH {tokens.pop(0)}"
    return token in allowed


def compiled_packages():
    """(name, version, licence expression) of what some target can compile, and (package, what it depends on) by name"""
    command = [CARGO, "tree", "--workspace", "--locked", "--target", "all", "--edges", "normal,build,dev"]
    command += ["--prefix", "depth", "--no-dedupe", "--format", " {p}|{l}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"cargo tree failed:\n{result.stderr.strip()}")
    packages, edges, above = set(), set(), []
    for line in result.stdout.splitlines():
        if "|" not in line:
            continue
        package, licence = line.split("|", 1)
        depth, name, version = package.split()[:3]
        above[int(depth) :] = [name]
        edges.update([tuple(above[-2:])] if len(above) > 1 else [])
        packages.add((name, version, licence.strip()))
    return sorted(packages), edges


def licence_problems(packages, rules):
    """a line for each package whose licence is not allowed"""
    allowed = set(rules["allow"])
    exceptions = {rule["crate"]: set(rule["allow"]) for rule in rules.get("exceptions", [])}
    for name, version, licence in packages:
        if not is_allowed(licence, allowed | exceptions.get(name, set())):
            yield f"{name} {version}: licence {licence or 'not stated'}"


def ban_problems(packages, edges, rules):
    """a line for each package that is banned by name, or depended on by another than its wrappers

    >>> rules = {"deny": [{"crate": "a"}, {"crate": "b", "wrappers": ["w"]}]}
    >>> list(ban_problems([("a", "1", ""), ("b", "2", "")], {("w", "b")}, rules))
    ['a 1: banned']
    >>> list(ban_problems([("b", "2", "")], {("w", "b"), ("x", "b")}, rules))
    ['b 2: banned, but for w']
    """
    for rule in rules.get("deny", []):
        wrappers = rule.get("wrappers", [])
        users = {user for user, used in edges if used == rule["crate"]}
        if wrappers and users <= set(wrappers):
            continue
        excepted = f", but for {' and '.join(wrappers)}" if wrappers else ""
        yield from (f"{name} {version}: banned{excepted}" for name, version, _ in packages if name == rule["crate"])


def source_problems(rules):
    """a line for each locked package that comes from elsewhere than an allowed registry or the workspace"""
    allowed = {f"registry+{url}" for url in rules["allow-registry"]}
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    for package in lock["package"]:
        source = package.get("source")
        if source is not None and source not in allowed:
            yield f"{package['name']} {package['version']}: from {source}"


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    packages, edges = compiled_packages()
    problems = [
        *licence_problems(packages, rules["licenses"]),
        *ban_problems(packages, edges, rules["bans"]),
        *source_problems(rules["sources"]),
    ]
    if problems:
        sys.exit("not allowed by deny.toml:\n  " + "\n  ".join(problems))
    print(f"{len(packages)} packages, all allowed by deny.toml")
    if shutil.which("cargo-deny"):
        result = subprocess.run([CARGO, "deny", "check", "licenses", "bans", "sources"], cwd=ROOT)
        sys.exit(result.returncode)


if __name__ == "__main__":
    main()
