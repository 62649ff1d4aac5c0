"""The terminal interface of `analyze browse`: tabs at the left, what is selected at the right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Header, Input, Static, TabbedContent, TabPane, Tree
from textual.widgets.tree import TreeNode

from analyzer.kvm.ioctl_log import IoctlLogLine
from analyzer.model.frames import Function
from reports.browse.content import ChainRows, Content, Row, Selection
from reports.browse.details import function_details, ioctl_details, place_text
from reports.sanitize import one_line

_Entry = Selection | IoctlLogLine
_MOST_ROWS = 2000  # of a table; the filter finds the others
_MOST_COMMANDS = 3000  # functions in the command palette


class BrowseApp(App[None]):
    """Shows the chains, the neighbours of a function, the functions and the ioctls of one input."""

    TITLE = "analyze browse"
    CSS = """
    #left { width: 3fr; }
    #details { width: 2fr; border-left: solid $primary; padding: 0 1; }
    #focus { padding: 0 1; text-style: bold; }
    .heading { padding: 0 1; color: $text-muted; }
    #graph DataTable { height: 1fr; }
    #filter { dock: bottom; display: none; }
    #filter.shown { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("1", "show_tab('chain')", "Chains"),
        Binding("2", "show_tab('graph')", "Graph"),
        Binding("3", "show_tab('functions')", "Functions"),
        Binding("4", "show_tab('ioctls')", "Ioctls"),
        Binding("g", "focus_selected", "Callers and callees"),
        Binding("backspace", "previous_function", "Back"),
        Binding("slash", "filter", "Filter"),
        Binding("escape", "end_filter", "End filter", show=False),
        Binding("question_mark", "show_help_panel", "Keys"),
    ]

    def __init__(self, content: Content) -> None:
        super().__init__()
        self.content = content
        self.selected: Selection | None = None
        self.visited: list[Function] = []  # functions that the graph showed, the present one last
        self._entries: dict[str, list[_Entry]] = {}  # of each table, in the order of its rows

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield Header()
        with Horizontal():
            with TabbedContent(id="left"):
                with TabPane("Chains", id="chain"):
                    yield Tree("chains", id="chains")
                with TabPane("Graph", id="graph"), Vertical():
                    yield Static("callers", classes="heading")
                    yield DataTable(id="callers", cursor_type="row")
                    yield Static(id="focus")
                    yield Static("callees", classes="heading")
                    yield DataTable(id="callees", cursor_type="row")
                with TabPane("Functions", id="functions"):
                    yield DataTable(id="function-table", cursor_type="row")
                with TabPane("Ioctls", id="ioctls"):
                    yield DataTable(id="ioctl-table", cursor_type="row")
            with VerticalScroll(id="details"):
                yield Static(id="detail-text")
        yield Input(placeholder="part of a name; Escape shows all", id="filter")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the widgets."""
        self.sub_title = one_line(self.content.name)
        self._fill_chains()
        for name in ("callers", "callees"):
            self._table(name).add_columns("call", "function", "hits", "call site")
        self._table("function-table").add_columns("function", "file", "frames")
        self._table("ioctl-table").add_columns("time", "thread", "descriptor", "request", "result")
        self._fill_tables("")
        chains = self.content.chains
        if chains and chains[0].rows:
            self._show_function(chains[0].rows[0].selection.function)
        self.query_one("#chains", Tree).focus()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield the commands of the palette: Textual's, and one for each function."""
        yield from super().get_system_commands(screen)
        for selection, _ in self.content.functions[:_MOST_COMMANDS]:
            name = one_line(str(selection.function))
            show = partial(self._open, selection)
            yield SystemCommand(name, f"Show {name}, its callers and its callees", show, discover=False)

    def _table(self, name: str) -> DataTable[Text]:
        return self.query_one(f"#{name}", DataTable)

    def _fill_chains(self) -> None:
        tree: Tree[Selection] = self.query_one("#chains", Tree)
        tree.show_root = False
        tree.guide_depth = 2
        for number, chain in enumerate(self.content.chains):
            _add_chain(tree.root, chain, expanded=number == 0)
        tree.root.expand()
        if self.content.omitted_chains:
            tree.root.add_leaf(f"{self.content.omitted_chains} more chains are not shown: see Functions (3).")
        if not self.content.chains:
            tree.root.add_leaf("This input has no chains: see Functions (3).")

    def _fill_tables(self, wanted: str) -> None:
        shown = [
            (selection, frames)
            for selection, frames in self.content.functions
            if _contains(wanted, str(selection.function), selection.file)
        ]
        rows = [(str(it.function), it.file, str(frames)) for it, frames in shown[:_MOST_ROWS]]
        self._fill("function-table", [it for it, _ in shown[:_MOST_ROWS]], rows)
        ioctls = [it for it in self.content.ioctls if _contains(wanted, it.request, it.thread, it.descriptor)]
        cells = [
            (f"{it.time:.6f}", it.thread, f"{it.fd} {it.descriptor}", it.request, it.result)
            for it in ioctls[:_MOST_ROWS]
        ]
        self._fill("ioctl-table", ioctls[:_MOST_ROWS], cells)
        if len(shown) > _MOST_ROWS or len(ioctls) > _MOST_ROWS:
            self.notify(f"A table shows the first {_MOST_ROWS} rows; / filters.")

    def _fill(self, name: str, entries: Iterable[_Entry], rows: Iterable[tuple[str, ...]]) -> None:
        table = self._table(name)
        table.clear()
        self._entries[name] = list(entries)
        table.add_rows([tuple(Text(one_line(cell)) for cell in row) for row in rows])

    def _show_function(self, function: Function) -> None:
        """Show the callers and callees of `function` in the graph tab."""
        if not self.visited or self.visited[-1] != function:
            self.visited.append(function)
        self.query_one("#focus", Static).update(Text(one_line(f"▶ {function}")))
        for name, rows in (
            ("callers", self.content.callers(function)), ("callees", self.content.callees(function)),
        ):  # fmt: skip
            self._fill(name, [row.selection for row in rows], map(_cells, rows))

    def _select(self, entry: _Entry) -> None:
        """Show `entry` in the panel at the right."""
        panel = self.query_one("#detail-text", Static)
        if isinstance(entry, Selection):
            self.selected = entry
            panel.update(function_details(self.content, entry))
        else:
            panel.update(ioctl_details(entry))
        self.query_one("#details").scroll_home(animate=False)

    def _open(self, selection: Selection) -> None:
        """Select the function and show the graph around it."""
        self._select(selection)
        self._show_function(selection.function)
        self.action_show_tab("graph")

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Selection]) -> None:
        """Show the function of the row."""
        if event.node.data is not None:
            self._select(event.node.data)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the row of the table that has the focus."""
        if event.data_table.has_focus:
            self._with_entry(event.data_table, event.cursor_row, self._select)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter on a function shows the graph around it."""
        self._with_entry(event.data_table, event.cursor_row, self._enter)

    def _enter(self, entry: _Entry) -> None:
        if isinstance(entry, Selection):
            self._open(entry)

    def _with_entry(self, table: DataTable[Text], row: int, use: Callable[[_Entry], None]) -> None:
        entries = self._entries.get(table.id or "", [])
        if 0 <= row < len(entries):
            use(entries[row])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the functions and ioctls that contain the text."""
        self._fill_tables(event.value)

    def on_input_submitted(self) -> None:
        """Enter keeps the filter and goes back to the table."""
        self._focus_tab()

    def action_show_tab(self, name: str) -> None:
        """Show a tab and give its first widget the focus."""
        self.query_one(TabbedContent).active = name
        self.call_after_refresh(self._focus_tab)

    def action_focus_selected(self) -> None:
        """Show the callers and callees of the selected function."""
        if self.selected is not None:
            self._open(self.selected)

    def action_previous_function(self) -> None:
        """Show the function that the graph showed before."""
        if len(self.visited) > 1:
            self.visited.pop()
            self._open(Selection(self.visited[-1]))

    def action_filter(self) -> None:
        """Show the filter's input, above a table that it filters."""
        if self.query_one(TabbedContent).active not in ("functions", "ioctls"):
            self.query_one(TabbedContent).active = "functions"
        box = self.query_one("#filter", Input)
        box.add_class("shown")
        box.focus()

    def action_end_filter(self) -> None:
        """Show all rows again."""
        box = self.query_one("#filter", Input)
        box.value = ""
        box.remove_class("shown")
        self._focus_tab()

    def _focus_tab(self) -> None:
        first = {"chain": "chains", "graph": "callees", "functions": "function-table", "ioctls": "ioctl-table"}
        self.query_one(f"#{first[self.query_one(TabbedContent).active]}").focus()


def _add_chain(root: TreeNode[Selection], chain: ChainRows, expanded: bool) -> None:
    node = root.add(Text(one_line(f"{chain.title} ({chain.thread}, {len(chain.rows)} functions)"), style="bold"))
    for row in chain.rows:
        selection = row.selection
        place = place_text(selection.file, selection.line)
        label = Text(f"{row.arrow:>2} {one_line(str(selection.function))}")
        label.append(f"  {one_line(place)}", style="dim")
        node.add_leaf(label, data=selection)
    if expanded:
        node.expand()


def _cells(row: Row) -> tuple[str, ...]:
    place = place_text(row.selection.file, row.selection.line)
    return row.arrow, str(row.selection.function), str(row.hits), place


def _contains(wanted: str, *texts: str) -> bool:
    return any(wanted.lower() in text.lower() for text in texts)
