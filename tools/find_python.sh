#!/bin/sh
# Print a Python that can make the virtual environment (3.11 or newer, with venv), or one clear line why there is none.
found=""
for name in ${1:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        echo "$name"
        exit 0
    fi
    version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) && found="$found, $name is $version"
done
echo "handgrad needs Python 3.11 or newer with its venv module (${found:-, no Python found}): install one, or name one: make PYTHON=/path/to/python3.12" |
    sed 's/(, /(/' >&2
exit 1
