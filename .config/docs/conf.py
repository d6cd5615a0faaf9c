"""How Sphinx makes a site of README.md, docs/ and what Ansible knows of roles, modules and
filters. Run by script/docs.
"""

import os
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).parents[2]
# script/docs has copied the pages to the directory that Sphinx reads.
SOURCE = ROOT / os.environ["SOURCE"]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))

project = "foobar.lamp"
author = GALAXY["authors"][0]
version = release = GALAXY["version"]
html_title = f"foobar.lamp {version}"
extensions = ["myst_parser", "sphinx_antsibull_ext", "sphinx_copybutton", "sphinxcontrib.mermaid"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
# The reference names pages of Ansible's own documentation, which is not asked when this is built.
# That its other names are right is lint's.
suppress_warnings = ["ref.ref"]
mermaid_use_local = "mermaid/mermaid.esm.min.mjs"
# Numbers by the clock may be the same for two diagrams, of which one is then drawn into the other.
mermaid_init_config = {"startOnLoad": False, "deterministicIds": True}
mermaid_fullscreen = False
mermaid_height = "auto"
html_theme = "furo"
html_static_path = [str(SOURCE / "_static"), "pages.css"]
html_css_files = ["pages.css"]
html_theme_options = {
    "source_repository": f"{GALAXY['repository']}/",
    "source_branch": "main",
    "source_directory": "docs/",
}
exclude_patterns = ["reference/environment_variables.rst"]

# The theme has a table of contents of its own.
_CONTENTS = re.compile(r"^\.\. contents::\n(?: +:.*\n)*", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?(?=\))")


def _lead_out(_app, page, text):
    """Have links to what is no page of the site lead to the repository."""
    if page.startswith("reference/"):
        text[0] = _CONTENTS.sub("", text[0])
        return
    here = (SOURCE / page).parent

    def changed(match):
        path, fragment = match[1], match[2] or ""
        target = (here / path).resolve()
        if target.is_file():
            return path + fragment
        return f"{GALAXY['repository']}/blob/main/{target.relative_to(SOURCE.resolve())}{fragment}"

    text[0] = _LINK.sub(changed, text[0])


def setup(app):
    """Have Sphinx call what is here."""
    app.connect("source-read", _lead_out)
