#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The weights of a checkpoint of fleet.ppo without the optimiser's state, a third its size.

    weights.py CHECKPOINT WEIGHTS.safetensors
"""
import json
import struct
import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        head = json.loads(f.read(size))
        data = f.read()
    kept, out = {"__metadata__": head.pop("__metadata__", {})}, b""
    for name, x in sorted(head.items(), key=lambda item: item[1]["data_offsets"]):
        if name.startswith("adam.") or name == "value.scale":
            continue
        first, end = x["data_offsets"]
        kept[name] = dict(x, data_offsets=[len(out), len(out) + end - first])
        out += data[first:end]
    text = json.dumps(kept, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[2], "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + out)


main()
