# SPDX-License-Identifier: Apache-2.0
"""Makes cases/regex_random.json: random Java regular expressions and replacements over random topics, through RegexRouter. Every
construct that regex.h calls alike or translated is in the grammar; what it refuses by name is not.

  make_regex.py [SEED] > cases/regex_random.json
"""
import json
import random
import sys

TYPE = "org.apache.kafka.connect.transforms.RegexRouter"
LETTERS = "abAB01._-"
ATOMS = [".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\h", "\\p{Alpha}", "\\P{Alpha}", "\\p{Lower}", "\\p{Upper}", "\\p{Digit}", "\\p{Alnum}",
         "\\p{Punct}", "\\p{L}", "\\p{Lu}", "\\P{L}", "\\pL", "\\p{IsAlphabetic}", "\\p{IsLatin}", "\\.", "\\-", "\\\\", "\\x61", "\\u0062", "\\0101",
         "\\060", "\\t", "\\Qa.b\\E", "\\Q$1\\E", "a", "b", "A", "0", "1", "_", "ab", "\\x{41}", "é", "日"]
CLASS_PARTS = ["a", "b", "A-B", "0-9", "a-z", "_", ".", "\\d", "\\w", "\\p{Upper}", "\\P{Punct}", "\\-", "\\]", "\\[", "(*", "$", "+", "é", "\\u0061-\\u0062", "\\Q-]\\E"]
REPEATS = ["", "", "", "", "*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,}", "{0,2}", "{1,2}?"]


class Expression:
    def __init__(self, r):
        self.r, self.groups, self.names = r, 0, []

    def one_class(self):
        return "[" + self.r.choice(["", "", "^"]) + "".join(self.r.choice(CLASS_PARTS) for _ in range(self.r.randint(1, 3))) + "]"

    def group(self, depth):
        kind = self.r.randrange(10)
        if kind < 5:
            self.groups += 1
            return "(" + self.alternatives(depth - 1) + ")"
        if kind == 5:
            self.groups += 1
            self.names.append(f"g{len(self.names)}")
            return f"(?<{self.names[-1]}>" + self.alternatives(depth - 1) + ")"
        if kind == 9:
            return self.r.choice(["(?=", "(?!", "(?<=", "(?<!"]) + self.r.choice(["a", "b", "\\.", "[ab]", "\\d"]) + ")"
        return self.r.choice(["(?:", "(?i:", "(?>", "(?s:"]) + self.alternatives(depth - 1) + ")"

    def piece(self, depth):
        kind = self.r.randrange(12)
        if kind < 6 or not depth:
            atom = self.r.choice(ATOMS)
        elif kind < 8:
            atom = self.one_class()
        elif kind == 8 and self.groups:
            return f"(?:\\{self.r.randint(1, self.groups)})?"
        elif kind == 9:
            return self.r.choice(["\\b", "\\B", "^", "$"]) + self.r.choice(["", "."])
        else:
            atom = self.group(depth)
        if atom.startswith(("(?=", "(?!", "(?<=", "(?<!")):
            return atom
        return (f"(?:{atom})" if len(atom) == 2 and atom == "ab" else atom) + self.r.choice(REPEATS)

    def alternatives(self, depth):
        return "|".join("".join(self.piece(depth) for _ in range(self.r.randint(1, 3))) for _ in range(self.r.choice([1, 1, 1, 2])))


def replacement(r, e):
    parts = ["x", "-", ".", "\\$", "\\\\", "y\\.z"] + [f"${i}" for i in range(e.groups + 1)] + [f"${{{n}}}" for n in e.names]
    return "".join(r.choice(parts) for _ in range(r.randint(0, 4)))


def topic(r):
    return "".join(r.choice(LETTERS + r.choice(["", "é日 $\t"])) for _ in range(r.randint(0, 8)))


def case(r, name):
    e = Expression(r)
    regex = e.alternatives(2)
    if r.random() < 0.6: # RegexRouter only replaces what matches as a whole
        regex = r.choice([".*", "[^0]*", "(?:.*)"]) + regex + r.choice([".*", ".*?", ""])
    value = {"schema": {"type": "int32", "optional": False}, "payload": 1}
    return {"name": name, "config": {"transforms": "r", "transforms.r.type": TYPE, "transforms.r.regex": regex, "transforms.r.replacement": replacement(r, e)},
            "direction": "source", "records": [{"topic": topic(r), "partition": 0, "offset": i, "timestamp": 0, "value": value} for i in range(12)]}


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10**6)
    print("seed", seed, file=sys.stderr)
    r = random.Random(seed)
    print("[\n" + ",\n".join(json.dumps(case(r, f"regex.random.{seed}.{i}")) for i in range(150)) + "\n]")


if __name__ == "__main__":
    main()
