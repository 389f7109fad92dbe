"""Reads the project's documents as GitHub shows them: headings with their anchors, sections, links."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark").enable("table")


class Document:
    """A document in Markdown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = path.read_text(encoding="utf-8")
        self._tokens = _MARKDOWN.parse(self._text)

    @property
    def headings(self) -> list[str]:
        """The text of each heading, in order, without markup."""
        return [text for text, _level, _first, _next in self._headings()]

    @property
    def sections(self) -> dict[str, str]:
        """What stands below each heading, up to the next one that is not below it."""
        lines, headings = self._text.splitlines(), self._headings()
        ends = {
            first: next((start for _, other, start, _ in headings[index + 1 :] if other <= level), len(lines))
            for index, (_, level, first, _) in enumerate(headings)
        }
        return {text: "\n".join(lines[body : ends[first]]).strip() for text, _level, first, body in headings}

    @property
    def anchors(self) -> set[str]:
        """The anchors that GitHub gives the headings: of equal ones, all but the first get a number."""
        seen, anchors = Counter[str](), set[str]()
        for heading in self.headings:
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors

    @property
    def links(self) -> list[str]:
        """The targets of links and pictures inside the project."""
        inline = [child for token in self._tokens for child in token.children or []]
        targets = [str(token.attrGet("href") or token.attrGet("src") or "") for token in inline]
        return [target for target in targets if target and not re.match(r"[a-z]+:", target)]

    def broken_links(self) -> list[str]:
        """Return the links to files and anchors that do not exist."""
        return [link for link in self.links if not self._leads_somewhere(link)]

    def _leads_somewhere(self, link: str) -> bool:
        path, _, anchor = map(unquote, link.partition("#"))
        target = self.path.parent / path if path else self.path
        if not anchor or not target.exists():
            return target.exists()
        return target.suffix == ".md" and anchor in Document(target).anchors

    def _headings(self) -> list[tuple[str, int, int, int]]:
        """Return text, level, first line, and the line below, of each heading."""
        return [
            (_plain(content), int(opening.tag[1:]), *opening.map)
            for opening, content in zip(self._tokens, self._tokens[1:], strict=False)
            if opening.type == "heading_open" and opening.map
        ]


def _plain(inline: Token) -> str:
    return "".join(token.content for token in inline.children or [] if token.type in {"text", "code_inline"})
