"""`python -m apiproxy_runtime` is `apiproxy`."""

import sys

from apiproxy_runtime.cli.main import main

sys.exit(main())
