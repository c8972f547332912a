#!/bin/sh
# SPDX-License-Identifier: MIT
# The judge of search-conditional.yaml: a made-up error of a made-up model, read
# from params.json and printed as a JSON object.
set -eu
cat params.json | tr -d '{}"' | tr ',' '\n' | awk -F: '
    { gsub(/[ \t]/, "", $1); sub(/^ */, "", $2); v[$1] = $2 }
    END {
        if (v["model"] == "linear")
            e = 0.3 + (log(v["model.slope"]) - 1) ^ 2 / 20
        else
            e = 0.1 + (v["model.depth"] - 7) ^ 2 / 40 + (log(v["model.leaf"]) + 4) ^ 2 / 50
        printf "{\"error\": %.6f}\n", e
    }'
