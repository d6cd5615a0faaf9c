"""What is told holds no secrets."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.module_utils.app import mask


def test_words_hold_no_credentials():
    assert (
        mask.mask("http://me:pass@example.com?k=hush", {"K": "hush"}) == "http://example.com?k=***"
    )
