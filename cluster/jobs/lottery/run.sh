#!/bin/sh
# SPDX-License-Identifier: MIT
# One search of lottery.yaml.  What stands in params.json from "agent" on, in the order of
# the alphabet, is the search's algorithm, but for `start` and `trace`.
#
#   sh lottery/run.sh START TRACE
set -eu
algorithm=$(sed -e 's/.*"agent":/{"name":/' -e 's/,"item":.*/}/' \
    -e 's/,"\(start\|trace\)":[^,}]*//g' params.json)
sed -e "s/@algorithm@/$algorithm/" -e "s/@start@/$1/" -e "s/@trace@/$2/" \
    lottery/inner.yaml >inner.yaml
"${SHOAL:-shoal}" run inner.yaml -n 1 --json >out.json
printf '{"reward": %s}\n' "$(sed -n '/"best"/,/}/s/ *"reward": \([^,]*\),\{0,1\}/\1/p' out.json)"
