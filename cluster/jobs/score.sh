#!/bin/sh
# SPDX-License-Identifier: MIT
# The judge of search-conditional.yaml: a made-up error of a made-up model, read
# from params.json and printed as a JSON object.
set -eu
tr -d '{}"' <params.json | tr ',' '\n' | awk -F: '
    { v[$1] = $2 }
    END {
        if (v["model"] == "linear")
            e = 0.3 + (log(v["slope"]) - 1) ^ 2 / 20
        else
            e = 0.1 + (v["depth"] - 7) ^ 2 / 40 + (log(v["leaf"]) + 4) ^ 2 / 50
        printf "{\"error\": %.6f}\n", e
    }'
