# SPDX-License-Identifier: MIT
"""Judges a packing program in C: judge.py PROGRAM.c

The program gets a capacity and items on its standard input and says on each line of its
output into which bin the next item goes.  What it says is checked here, not believed: one
bin for each item, numbered from 0 as they are opened, none too full.  A program that does
not compile, ends badly, takes too long or breaks a rule is an error, with its reason.
"""
import json
import random
import subprocess
import sys

INSTANCES, ITEMS, CAPACITY, SECONDS = 2, 500, 100, 15


def fail(why):
    print(json.dumps({"status": "error", "message": why}))
    sys.exit(0)


def instance(k):
    """Integers from Weibull(45, 3), the same in every Python: random() is specified."""
    r = random.Random(1000 + k)
    return [min(CAPACITY, max(1, round(r.weibullvariate(45, 3)))) for _ in range(ITEMS)]


def bins_used(items):
    try:
        p = subprocess.run(["./candidate"], input=" ".join(map(str, [CAPACITY] + items)),
                           capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        fail("timed out")
    except UnicodeDecodeError:
        fail("what it says is no text")
    if p.returncode != 0:
        fail("ended with status %d" % p.returncode)
    lines = p.stdout.split("\n")[:-1]
    if len(lines) != len(items):
        fail("placed %d of %d items" % (len(lines), len(items)))
    rooms = []
    for item, line in zip(items, lines):
        if not line.isdecimal() or len(line) > 9 or int(line) > len(rooms):
            fail("bin %.20r is out of range" % line)
        bin_ = int(line)
        if bin_ == len(rooms):
            rooms.append(CAPACITY)
        if rooms[bin_] < item:
            fail("bin %d is too full" % bin_)
        rooms[bin_] -= item
    return len(rooms)


cc = subprocess.run(["cc", "-std=c17", "-O1", "-o", "candidate", sys.argv[1], "-lm"],
                    capture_output=True, text=True, check=False)
if cc.returncode != 0:
    fail("does not compile: " + " ".join(cc.stderr.split())[:120])
used = bound = 0
for k in range(INSTANCES):
    sizes = instance(k)
    used += bins_used(sizes)
    bound += -(-sum(sizes) // CAPACITY)
print(json.dumps({"cost": 100 * (used - bound) / bound}))
