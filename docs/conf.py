"""The documentation as a site: `make docs`, then build/docs/README.html.

Sphinx reads the same Markdown that the repository shows, from its root, so links between the pages stay what they are.
The README is the first page; PARTS is the order of the others.
"""

from pygments.lexers.special import TextLexer

project = "Daylight"
author = "the authors of Daylight"
extensions = ["myst_parser", "sphinx_copybutton"]
html_theme = "furo"  # nothing from a CDN
html_title = project
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
copybutton_prompt_text = "$ "

root_doc = "README"
include_patterns = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "client/README.md", "docs/*.md"]
myst_heading_anchors = 4  # links into pages, as code hosts make them
suppress_warnings = ["myst.header"]  # names of the reference are third headings on every page

PARTS = {
    "Start": ["start", "installing"],
    "Your model": [
        "pickles",
        "boosted-trees",
        "checkpoints",
        "encoders",
        "image-classifiers",
        "networks",
        "python-classes",
        "packing",
        "moving",
    ],
    "Callers": ["clients", "../client/README", "pages"],
    "Reference": ["routes", "errors", "cli", "settings", "metrics"],
    "Production": [
        "production",
        "tuning",
        "watching",
        "on-call",
        "drift",
        "rollout",
        "stores",
        "images",
        "kubernetes",
        "ray",
        "scale",
    ],
    "Security": ["../SECURITY", "trust", "supply-chain", "licences"],
    "Inside": ["architecture", "adding-a-kind", "adding-a-dialect", "lab-notes", "../CONTRIBUTING", "../CHANGELOG"],
}


def add_contents(app, name, source):
    """Append the site's contents to the README, where a code host would show them as noise."""
    if name == root_doc:
        source[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n"
            + "".join(f"{page.removeprefix('../') if page[0] == '.' else f'docs/{page}'}\n" for page in pages)
            + "```\n"
            for caption, pages in PARTS.items()
        )


def setup(app):
    app.connect("source-read", add_contents)
    app.add_lexer("mermaid", TextLexer)
