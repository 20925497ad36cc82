"""A page taken apart, for assertions."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "rect", "input"}


class Page(HTMLParser):
    """Tags with their attributes, texts by tag, and whether tags close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def text(self, *tags: str) -> str:
        """The text directly in `tags` (in any, but scripts and styles, if none is named)."""
        chosen = [
            data
            for tag, data in self.texts
            if (tag in tags if tags else tag not in ("script", "style"))
        ]
        return " ".join("".join(chosen).split())
