"""A browser, where one is installed: Debian's Chromium, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Skips where there is no Chromium; `APIPROXY_CHROMIUM` names one elsewhere."""
    path = os.environ.get("APIPROXY_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        # as root, as in containers, Chromium's own sandbox cannot start
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        launched = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if root else []
        )
        try:
            yield launched
        finally:
            await launched.close()
