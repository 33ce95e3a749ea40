"""The model's Markdown as HTML that can't do anything: no raw HTML, no images, no odd links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_SCHEMES = frozenset({"http", "https", "mailto"})


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level block: its HTML, and the line of the source on which it begins."""

    line: int
    html: str


class MarkdownPage:
    """Renders a reply block by block. A link goes to another site only, an image becomes a link
    (loading it would tell its server who reads what)."""

    def __init__(self) -> None:
        self._parser = MarkdownIt(
            "commonmark",
            {"html": False, "linkify": True, "breaks": True, "maxNesting": 20},
            renderer_cls=_Renderer,
        )
        self._parser.enable(["table", "strikethrough", "linkify"]).disable("image")
        self._parser.validateLink = _may_link  # type: ignore[method-assign]

    def blocks(self, text: str) -> list[Block]:
        tokens = self._parser.parse(text)
        options, rendered, start = self._parser.options, [], 0
        for end, token in enumerate(tokens, 1):
            if token.level == 0 and token.nesting <= 0:
                line = tokens[start].map
                html = self._parser.renderer.render(tokens[start:end], options, {})
                rendered.append(Block(line[0] if line else 0, str(html)))
                start = end
        return rendered

    def html(self, text: str) -> list[str]:
        return [block.html for block in self.blocks(text)]


class _Renderer(RendererHTML):
    def fence(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        words = tokens[index].info.split(maxsplit=1)
        language = escapeHtml(words[0][:40]) if words else ""
        code = escapeHtml(tokens[index].content)
        return (
            f'<figure class="code"><figcaption><span>{language or "text"}</span>'
            '<button type="button" class="copy">Copy</button></figcaption>'
            f'<pre tabindex="0"><code dir="ltr">{code}</code></pre></figure>\n'
        )

    def code_block(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        return self.fence(tokens, index, options, env)

    def table_open(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        return '<div class="table" tabindex="0"><table>\n'

    def table_close(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</table></div>\n"

    def link_open(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        token = tokens[index]
        token.attrSet("rel", "noopener noreferrer nofollow")
        token.attrSet("target", "_blank")
        return self.renderToken(tokens, index, options, env)

    def renderToken(  # noqa: N802 (the library's name)
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        token = tokens[index]
        if style := token.attrs.pop("style", None):  # the page's policy bars inline styles
            token.attrSet("class", str(style).replace("text-align:", "align-"))
        if token.nesting == 1 and token.type in _TEXT_BLOCKS:
            token.attrSet("dir", "auto")
        return super().renderToken(tokens, index, options, env)


_TEXT_BLOCKS = frozenset(
    f"{name}_open"
    for name in (
        *("paragraph", "heading", "list_item", "blockquote"),
        *("bullet_list", "ordered_list", "th", "td"),
    )
)


def _may_link(url: str) -> bool:
    try:
        return urlsplit(url.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False
