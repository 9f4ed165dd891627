#!/usr/bin/env python3
"""Compares `clearance` with other tools that search a repository by rules: the same trees, the same findings.

    tests/peers/compare.py [--clearance target/release/clearance] [--files 100,1000,5000] [--rules 10] [--runs 7]

It makes trees, writes the same rules for each tool, installs the tools in a throw-away directory (ast-grep and semgrep
with pip, spectral with npm where there is one; --tools DIR keeps them for the next call), asks each tool once to see
that all of them find what was put there, and then runs them in turn, A B C A B C. It needs python3 and git, and
changes nothing outside of a temporary directory. What can be compared, and what not, stands in docs/performance.md.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PIP = {"ast-grep": "ast-grep-cli==0.51.1", "semgrep": "semgrep==1.182.0"}
NPM = {"spectral": "@stoplight/spectral-cli@6.16.3"}

# Each rule finds this many lines in a tree, however large it is, so that what grows is what is looked at.
FINDINGS = 20
# Of any tree, the same files again: their names, their sizes and what is in them.
SEED = 7

# --- Rules. `@` is nothing in the first ten; in those above it is a number, and they find nothing. -------------------
#
# `bad` is a line that must be found, `fine` one that must not be; `text` is the pattern of a line.

PYTHON = {"files": "**/*.py", "language": "python"}
SCRIPT = {"files": "**/*.js", "language": "javascript"}
# Put together here, so that this file does not hold what it looks for.
KEY = "AK" + "IA@"
HEADER = "BEGIN@ RSA PRIVATE" + " KEY"


def in_text(kind, pattern):
    return {"kind": kind, "regex": pattern}


CODE = [
    {**PYTHON, "id": "todo-names-ticket", "bad": "    # TO" + "DO@ later", "fine": "    # TO" + "DO@(#12) later",
     "text": r"\bTO" + r"DO@\b", "allow": r"\bTO" + r"DO@\(#[0-9]+\)",
     "ast-grep": {"all": [in_text("comment", r"\bTO" + r"DO@\b"), {"not": {"regex": r"\bTO" + r"DO@\(#[0-9]+\)"}}]},
     "semgrep": {"pattern-regex": r"\bTO" + r"DO@\b(?!\(#[0-9]+\))"}},
    {**PYTHON, "id": "no-fixme", "bad": "    # FIX" + "ME@ it breaks", "fine": "    # FIX" + "ED@ it broke",
     "text": r"\bFIX" + r"ME@\b",
     "ast-grep": in_text("comment", r"\bFIX" + r"ME@\b"), "semgrep": {"pattern-regex": r"\bFIX" + r"ME@\b"}},
    {**PYTHON, "id": "no-print", "bad": "    print@(total)", "fine": "    blueprint@(total)", "text": r"\bprint@\(",
     "ast-grep": {"pattern": "print@($$$)"}, "semgrep": {"pattern": "print@(...)"}},
    {**PYTHON, "id": "no-eval", "bad": "    eval@(name)", "fine": "    retrieval@(name)", "text": r"\beval@\(",
     "ast-grep": {"pattern": "eval@($$$)"}, "semgrep": {"pattern": "eval@(...)"}},
    {**PYTHON, "id": "no-aws-key", "bad": f'    key = "{KEY}ABCDEFGHIJKLMNOP"', "fine": f'    key = "{KEY}"',
     "text": KEY + "[0-9A-Z]{16}",
     "ast-grep": in_text("string_content", KEY + "[0-9A-Z]{16}"),
     "semgrep": {"pattern": f'"=~/{KEY}[0-9A-Z]{{16}}/"'}},
    {**SCRIPT, "id": "no-private-key", "bad": f'  const pem = "-----{HEADER}-----";', "fine": '  const pem = "-----";',
     "text": f"-----{HEADER}-----",
     "ast-grep": in_text("string_fragment", f"-----{HEADER}-----"),
     "semgrep": {"pattern": f'"=~/-----{HEADER}-----/"'}},
    {**SCRIPT, "id": "no-plain-http", "bad": '  const url = "http@://example.com/a";',
     "fine": '  const url = "https://example.com/a";', "text": "http@://",
     "ast-grep": in_text("string_fragment", "http@://"), "semgrep": {"pattern": r'"=~/http@:\/\//"'}},
    {**SCRIPT, "id": "no-debugger", "bad": "  debugger@;", "fine": "  debuggers@;", "text": r"\bdebugger@;",
     "ast-grep": {"pattern": "debugger@;"}, "semgrep": {"pattern": "debugger@;"}},
    {**SCRIPT, "id": "no-console-log", "bad": "  console.log@(total);", "fine": "  console.error@(total);",
     "text": r"\bconsole\.log@\(",
     "ast-grep": {"pattern": "console.log@($$$)"}, "semgrep": {"pattern": "console.log@(...)"}},
    {**SCRIPT, "id": "no-inner-html", "bad": "  node.innerHTML@ = total;", "fine": "  node.innerText@ = total;",
     "text": r"\.innerHTML@ =",
     "ast-grep": {"pattern": "$A.innerHTML@ = $B"}, "semgrep": {"pattern": "$A.innerHTML@ = $B"}},
]


def field(name, bad, fine, pattern):
    """A rule about a field of documents: `pattern` is one of its value."""
    return {"files": "**/*.yaml", "id": f"{name.replace('_', '-')}-is-well",
            "bad": f'  {name}@: "{bad}"', "fine": f'  {name}@: "{fine}"',
            "text": f'^ *{name}@: "{pattern}"', "spectral": (f"$..{name}@", f"^{pattern}$")}


DOCUMENTS = [
    field("image", "app:latest", "app:1.2", "[^\"]*:latest"),
    field("endpoint", "http://example.com", "https://example.com", "http://[^\"]*"),
    field("access_key", KEY.replace("@", "") + "ABCDEFGHIJKLMNOP", "from-vault", KEY.replace("@", "") + "[0-9A-Z]{16}"),
    field("privileged", "on", "off", "on"),
    field("debug", "on", "off", "on"),
    field("port", "80", "8080", "[0-9]{1,3}"),
    field("owner", "nobody", "ada", "nobody"),
    field("note", "TO" + "DO later", "done", "TO" + "DO[^\"]*"),
    field("tls", "none", "1.3", "none"),
    field("password", "hunter2", "$PASSWORD", "[^$\"][^\"]*"),
]


def numbered(value, number):
    """A rule with another number for `@`, in all of its texts."""
    if isinstance(value, str):
        return value.replace("@", number)
    if isinstance(value, dict):
        return {key: numbered(inner, number) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [numbered(inner, number) for inner in value]
    return value


def rules_of(kind, count):
    base = CODE if kind == "code" else DOCUMENTS
    rules = []
    for nth in range(count):
        again = "" if nth < len(base) else str(nth // len(base))
        rule = numbered(base[nth % len(base)], again)
        rules.append({**rule, "id": rule["id"] + (f"-{again}" if again else ""), "found": not again})
    return rules


# --- Trees ----------------------------------------------------------------------------------------------------------

WORDS = "alpha beta gamma delta total count name value items order price amount index left right first last".split()


def body(suffix, nth, chance):
    """A file of its kind without its last function: 40 to 80 lines, about 2 KB, nothing in it that a rule finds."""
    lines = [f"# {nth}" if suffix != "js" else f"// {nth}"]
    goal = chance.randint(40, 80)
    while len(lines) < goal:
        a, b, c, number = *chance.sample(WORDS, 3), chance.randint(1, 999)
        name = f"{a}_{b}_{len(lines)}"
        lines += {
            "py": [f"def {name}({b}, {c}):", f"    # What {a} has of {b}, and of {c}.", f"    {a} = {b} + {number}",
                   f"    if {a} > {c}:", f'        return "{a} is more than {c}"', f"    return {a} * {c}", ""],
            "js": [f"function {name}({b}, {c}) {{", f"  // What {a} has of {b}, and of {c}.",
                   f"  const {a} = {b} + {number};", f"  if ({a} > {c}) {{", f'    return "{a} is more than {c}";',
                   "  }", f"  return {a} * {c};", "}", ""],
            "yaml": [f"{name}:", f"  # What {a} has of {b}.", f'  {a}: "{b} {number}"', f"  {c}:", f'    - "{a}"',
                     f'    - "{number}"'],
        }[suffix]
    return lines


def make_tree(root, kind, files):
    """Writes a tree, and says which lines are to be found: (rule, path, line)."""
    chance = random.Random(SEED)
    suffixes = ["py", "js"] if kind == "code" else ["yaml"]
    content = {}
    for nth in range(files):
        suffix = suffixes[nth % len(suffixes)]
        content[f"src/part{nth // 50:04}/file{nth:05}.{suffix}"] = body(suffix, nth, chance)
    opens = {"py": ["def last(name, total, key):", "    key = name"], "js": ["function last(node, total) {"],
             "yaml": ["last:"]}
    closes = {"py": ["    return total"], "js": ["}"], "yaml": ['  closed: "yes"']}
    for path, lines in content.items():
        lines += opens[path.rsplit(".")[-1]]
    expected = set()
    for rule in rules_of(kind, 10):
        suffix = rule["files"].rsplit(".")[-1]
        own = [path for path in content if path.endswith(f".{suffix}")]
        chosen = chance.sample(own, min(2 * FINDINGS, len(own)))
        for nth, path in enumerate(chosen):
            content[path].append(rule["bad"] if nth % 2 else rule["fine"])
            if nth % 2:
                expected.add((rule["id"], path, len(content[path])))
    for path, lines in content.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(lines + closes[path.rsplit(".")[-1]]) + "\n")
    git = ["git", "-C", str(root), "-c", "init.defaultBranch=main"]
    # Packed, as after a clone.
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["repack", "-adq"]):
        subprocess.run(git + command, check=True, env=environment())
    tree = subprocess.run(git + ["rev-parse", "HEAD^{tree}"], check=True, capture_output=True, text=True)
    size = sum((root / path).stat().st_size for path in content)
    print(f"\n## {files:,} files of {kind}, {size / 1e6:.1f} MB, tree {tree.stdout.strip()[:12]}", flush=True)
    return expected


def environment():
    """The same for all: nobody's configuration, and one author at one time."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("GIT_") and name not in ("CI", "HOME")}
    at = "2024-01-01T00:00:00Z"
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "a"), ("EMAIL", "a@example.com"), ("DATE", at))}
    # Without a network, semgrep waits long for an answer that says which version is the newest.
    alone = {"SEMGREP_SEND_METRICS": "off", "SEMGREP_ENABLE_VERSION_CHECK": "0"}
    return {**kept, **who, **alone, "HOME": HOME, "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": "1"}


HOME = tempfile.gettempdir()

# --- Tools: how the rules are written, how they are asked, what they answer -----------------------------------------
#
# Files are written as JSON, which is YAML. Each class has the `kind` of tree it looks at.


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1))


class Clearance:
    def __init__(self, program, kind):
        self.program, self.kind, self.name = program, kind, "clearance"

    def version(self):
        return said(self.program, "--version").split()[-1]

    def prepare(self, place, rules):
        self.rules = place / "rules.d"
        for rule in rules:
            scan = {"files": rule["files"], "lines": "all", "forbid": rule["text"]}
            if "allow" in rule:
                scan["allow"] = rule["allow"]
            write(self.rules / f"{rule['id']}.yaml", {
                "schema": "clearance.rule/v1", "id": rule["id"], "title": rule["id"], "severity": "error",
                "stages": ["commit"], "check": {"scan": scan}, "message": "{{ match.path }}:{{ match.line }}"})

    def command(self, tree):
        rules = ["--rules-from", str(self.rules)]
        return [self.program, "--repo", str(tree), "check", "--stage", "commit", *rules, "--json"]

    def findings(self, text, rules):
        for check in json.loads(text)["checks"]:
            for item in check.get("items", []):
                if item["outcome"] == "fail":
                    path, line = item["key"].rsplit(":", 1)
                    yield check["id"], path, int(line)


class AstGrep:
    kind, name = "code", "ast-grep"

    def __init__(self, tools):
        self.program = str(tools / "python" / "bin" / "ast-grep")

    def version(self):
        return said(self.program, "--version").split()[-1]

    def prepare(self, place, rules):
        self.config = place / "sgconfig.yml"
        write(self.config, {"ruleDirs": ["rules"]})
        for rule in rules:
            write(place / "rules" / f"{rule['id']}.yml", {
                "id": rule["id"], "language": rule["language"], "severity": "error", "message": rule["id"],
                "rule": rule["ast-grep"]})

    def command(self, tree):
        return [self.program, "scan", "--config", str(self.config), "--json=compact", "."]

    def findings(self, text, rules):
        for found in json.loads(text):
            yield found["ruleId"], plain(found["file"]), found["range"]["start"]["line"] + 1


class Semgrep:
    kind = "code"

    def __init__(self, tools, syntax):
        self.program, self.syntax = str(tools / "python" / "bin" / "semgrep"), syntax
        self.name = "semgrep" if syntax else "semgrep, regex only"

    def version(self):
        return said(self.program, "--version").split()[-1]

    def prepare(self, place, rules):
        self.config = place / "semgrep.yaml"
        written = []
        for rule in rules:
            one = {"id": rule["id"], "message": rule["id"], "severity": "ERROR"}
            if self.syntax:
                one |= {"languages": [rule["language"]], **rule["semgrep"]}
            else:
                alone = rule["semgrep"].get("pattern-regex", rule["text"])
                one |= {"languages": ["regex"], "paths": {"include": [rule["files"]]}, "pattern-regex": alone}
            written.append(one)
        write(self.config, {"rules": written})

    def command(self, tree):
        return [self.program, "scan", "--config", str(self.config), "--json", "--quiet", "--metrics=off",
                "--disable-version-check", "."]

    def findings(self, text, rules):
        for found in json.loads(text)["results"]:
            yield found["check_id"].rsplit(".")[-1], plain(found["path"]), found["start"]["line"]


class Spectral:
    kind, name = "documents", "spectral"

    def __init__(self, tools):
        self.program = str(tools / "node" / "node_modules" / ".bin" / "spectral")

    def version(self):
        return said(self.program, "--version").split()[-1]

    def prepare(self, place, rules):
        self.config = place / "ruleset.json"
        write(self.config, {"rules": {
            rule["id"]: {"given": rule["spectral"][0], "message": rule["id"], "severity": "error",
                         "then": {"function": "pattern", "functionOptions": {"notMatch": rule["spectral"][1]}}}
            for rule in rules}})

    def command(self, tree):
        return [self.program, "lint", "--ruleset", str(self.config), "--format", "json", "--quiet", "src/**/*.yaml"]

    def findings(self, text, rules):
        known = {rule["id"] for rule in rules}
        for found in json.loads(text):
            if found["code"] in known:
                yield found["code"], found["source"].split("/tree/")[-1], found["range"]["start"]["line"] + 1


def plain(path):
    return path.removeprefix("./")


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout.strip()


def install(tools, wanted):
    python = tools / "python" / "bin" / "python"
    from_pip = [PIP[name] for name in wanted if name in PIP]
    from_npm = [NPM[name] for name in wanted if name in NPM]
    tools.mkdir(parents=True, exist_ok=True)
    if from_pip and not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(tools / "python")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *from_pip], check=True)
    if from_npm and not (tools / "node").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix",
                        str(tools / "node"), *from_npm], check=True)


# --- Measuring ------------------------------------------------------------------------------------------------------

# A small process of its own starts each run: the peak that Linux tells of a process includes that of who started it.
ONE = """
import json, os, sys, time
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
err = os.open(sys.argv[1] + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
start = time.monotonic()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ,
                        file_actions=[(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2)])
_, status, used = os.wait4(child, 0)
print(json.dumps({"wall": time.monotonic() - start, "cpu": used.ru_utime + used.ru_stime,
                  "memory": used.ru_maxrss / 1024, "code": os.waitstatus_to_exitcode(status)}))
"""


class Unusable(Exception):
    """A tool that gives no answer, or another one."""


def once(tool, tree, out):
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", ONE, str(out), *tool.command(tree)], cwd=tree,
                         env=environment(), capture_output=True, text=True, check=True)
    figures = json.loads(ran.stdout)
    if figures["code"] not in (0, 1):
        said_so = Path(f"{out}.err").read_text() or out.read_text()
        raise Unusable(f"{tool.name} ended with {figures['code']}: {said_so[:1500]}")
    return figures


def verify(tool, tree, out, rules, expected):
    """All find what was put there, and nothing else; otherwise their times say nothing."""
    once(tool, tree, out)
    found = set(tool.findings(out.read_text(), rules))
    due = {one for one in expected if one[0] in {rule["id"] for rule in rules}}
    for title, which in (("did not find", due - found), ("also found", found - due)):
        if which:
            raise Unusable(f"{tool.name} {title} {len(which)}, such as {sorted(which)[:3]}")
    return len(found)


def middle(values, digits):
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def ratio(what, all_of, own):
    """Run by run, so that what slows the machine down for a while slows both."""
    return f"{statistics.median(one[what] / other[what] for one, other in zip(all_of, own)):.2f}"


def compare(scratch, tree, tools, kind, rule_count, expected, runs):
    rules = rules_of(kind, rule_count)
    out = scratch / "answer"
    for nth, tool in enumerate(tools):
        tool.prepare(scratch / f"rules-{rule_count}-{nth}", rules)
        count = verify(tool, tree, out, rules, expected)
    print(f"\n{rule_count} rules; all {len(tools)} find the same {count} lines")
    before = os.getloadavg()[0]
    ran = {tool.name: [] for tool in tools}
    for _ in range(runs):
        for tool in tools:
            ran[tool.name].append(once(tool, tree, out))
    load = f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"median (least–most) of {runs} runs in turn; {load}\n")
    print("| Tool | CPU, s | to clearance | wall, s | to clearance | memory, MB |\n|---|---:|---:|---:|---:|---:|")
    own = ran[tools[0].name]
    for name, all_of in ran.items():
        cpu, wall, memory = ([one[what] for one in all_of] for what in ("cpu", "wall", "memory"))
        cells = [name, middle(cpu, 2), ratio("cpu", all_of, own), middle(wall, 2), ratio("wall", all_of, own),
                 middle(memory, 0)]
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clearance", default="target/release/clearance", help="the binary")
    parser.add_argument("--files", type=numbers, default=[100, 1000, 5000], help="how many files, one tree each")
    parser.add_argument("--rules", type=numbers, default=[10], help="how many rules")
    parser.add_argument("--runs", type=int, default=7, help="how often each tool is run")
    parser.add_argument("--peers", default="ast-grep,semgrep,spectral", help="which are compared")
    parser.add_argument("--tools", type=Path, help="a directory to install them in, and to find them in again")
    asked = parser.parse_args()
    program = shutil.which(str(Path(asked.clearance).absolute())) or sys.exit(f"there is no {asked.clearance}")
    wanted = asked.peers.split(",")
    failed = False
    if "spectral" in wanted and not shutil.which("npm"):
        print("spectral is left out: there is no npm")
        wanted.remove("spectral")
    if min(asked.files) < 4 * FINDINGS:
        sys.exit(f"at least {4 * FINDINGS} files")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch).resolve()
        global HOME
        HOME = str(scratch / "home")
        os.mkdir(HOME)
        tools = (asked.tools or scratch / "tools").absolute()
        install(tools, wanted)
        peers = [*([AstGrep(tools)] if "ast-grep" in wanted else []),
                 *([Semgrep(tools, True), Semgrep(tools, False)] if "semgrep" in wanted else []),
                 *([Spectral(tools)] if "spectral" in wanted else [])]
        versions = {tool.name.split(",")[0]: tool.version() for tool in [Clearance(program, ""), *peers]}
        print(", ".join(f"{name} {version}" for name, version in versions.items()))
        processors = len(os.sched_getaffinity(0))
        print(f"{said('git', '--version')}, Python {platform.python_version()}, {processors} processors")
        for kind in ("code", "documents"):
            own = [peer for peer in peers if peer.kind == kind]
            for files in asked.files if own else []:
                place = scratch / f"{kind}-{files}"
                tree = place / "tree"
                tree.mkdir(parents=True)
                expected = make_tree(tree, kind, files)
                for count in asked.rules:
                    try:
                        compare(place, tree, [Clearance(program, kind), *own], kind, count, expected, asked.runs)
                    except Unusable as why:
                        print(f"\n{count} rules: not compared: {why}", flush=True)
                        failed = True
                shutil.rmtree(place)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
