"""Runs the developer's commands.

python3 dev.py demo      put sample photographs on items and show each result (--photos DIR for your own)
python3 dev.py up        run the local stack until Ctrl-C; .local/endpoints.json lists its addresses
python3 dev.py test      run the whole test suite on all cores; further arguments go to pytest, on one core
python3 dev.py check     check formatting, lint, types and GitHub's workflows
python3 dev.py bench     measure: render, import (alone, these two), pipeline; simulate: capacity
python3 dev.py operate   run the operator's command item-pictures: backfill, export and more (--help lists them)
python3 dev.py package   pack the app for Azure: Linux x64, Python 3.13, from any system
python3 dev.py upload    upload the package to the app in Azure (upload GROUP APP)
python3 dev.py workbook  write the monitoring workbook anew, from the queries
python3 dev.py clean     remove everything the other commands created (up to 1.3 GB)

COMMAND --help explains the options. The first command creates .venv with all packages (a minute, 320 MB).
"""

# Every Python since 2.7 compiles this file, so that an old one gets a sentence instead of a traceback.

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - what runs this is not yet the project's own Python
    sys.exit("Python 3.11, 3.12 or 3.13 is needed; this is %s." % sys.version.split()[0])  # noqa: UP031 - for 2.7

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - even with PYTHONSAFEPATH
    from devstack.machine import environment

    environment.run(__doc__ or "")
