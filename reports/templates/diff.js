(() => {
  const element = (tag, text, className) => {  // text from the programs only ever goes through textContent
    const created = document.createElement(tag);
    if (text !== undefined) created.textContent = text;
    if (className) created.className = className;
    return created;
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const graph = drawing(document.getElementById("canvas"), (node) => openPlace({ f: identityOf(node) }, true));
  const search = document.getElementById("search");
  const selection = document.getElementById("selection");

  // --- the state of the page is its hash ------------------------------------
  // at: id of a row or section; f: identity of a function; removed: "hide"; kinds: shown kinds of changes; text: searched text
  const readState = () => {
    const hash = location.hash.slice(1);
    return /^(at|f|removed|kinds|text)=/.test(hash) ? Object.fromEntries(new URLSearchParams(hash)) : hash ? { at: hash } : {};
  };
  const hashOf = (state) => {
    const parameters = Object.entries(state).filter(([, value]) => value);
    return "#" + new URLSearchParams(parameters).toString();
  };
  // A click on a node does not scroll or pan: inPlace. The page follows the new hash within the click, since the
  // hashchange event would come later.
  const openPlace = (place, inPlace = false) => {
    const { at, f, ...filters } = readState();
    const hash = hashOf({ ...place, ...filters });
    if (location.hash !== hash) history.pushState(null, "", hash);
    showHash(inPlace);
  };
  const setFilters = (change) => {  // without an entry in the history
    history.replaceState(null, "", hashOf({ ...readState(), ...change }));
    applyFilters(readState());
  };

  // --- filters: kinds, text, removed functions ------------------------------
  const entries = all(".change-table tbody tr").map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const rows = all(".row");
  const hasKind = (row, kinds) => row.dataset.kinds.split(" ").some((kind) => kinds.includes(kind));
  const applyFilters = ({ removed, kinds, text: searched }) => {
    const shownKinds = (kinds || "").split(",").filter(Boolean);
    const text = (searched || "").toLowerCase();
    let shown = 0;
    for (const entry of entries) {
      const match = (!shownKinds.length || hasKind(entry.row, shownKinds)) && entry.text.includes(text);
      entry.row.hidden = !match;
      shown += match;
    }
    for (const row of rows) row.classList.toggle("match", hasKind(row, shownKinds));
    document.body.classList.toggle("filtered", shownKinds.length > 0);
    document.body.classList.toggle("hide-removed", removed === "hide");
    for (const box of all("input.show-removed")) box.checked = removed !== "hide";
    for (const button of all("[data-filter]")) button.setAttribute("aria-pressed", String(shownKinds.includes(button.dataset.filter)));
    const filtered = shownKinds.length > 0 || Boolean(text);
    document.getElementById("match-count").textContent = filtered ? `${shown} of ${entries.length} changes` : "";
    document.getElementById("show-all").hidden = !filtered;
    if (search.value.toLowerCase() !== text) search.value = searched || "";
  };

  for (const box of all("input.show-removed")) box.addEventListener("change", () => setFilters({ removed: box.checked ? "" : "hide" }));
  for (const button of all("[data-filter]")) button.addEventListener("click", () => {
    const kinds = new Set((readState().kinds || "").split(",").filter(Boolean));
    if (!kinds.delete(button.dataset.filter)) kinds.add(button.dataset.filter);
    setFilters({ kinds: [...kinds].join(",") });
  });
  search.addEventListener("input", () => setFilters({ text: search.value.trim() }));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { setFilters({ text: "" }); search.value = ""; search.blur(); }
  });
  document.getElementById("show-all").addEventListener("click", () => setFilters({ kinds: "", text: "" }));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === search) return;
    event.preventDefault();
    search.focus();
    document.getElementById("changes").scrollIntoView();
  });

  // --- hidden rows ----------------------------------------------------------
  const rowButtons = all(".show-rows");
  const showRows = (button, open) => {
    button.setAttribute("aria-expanded", String(open));
    document.getElementById(button.getAttribute("aria-controls")).hidden = !open;
  };
  for (const button of rowButtons) button.addEventListener("click", () => showRows(button, button.getAttribute("aria-expanded") === "false"));
  const showAllRows = document.getElementById("toggle-hidden-rows");
  showAllRows.addEventListener("click", () => {
    const open = rowButtons.some((button) => button.getAttribute("aria-expanded") === "false");
    for (const button of rowButtons) showRows(button, open);
    showAllRows.textContent = open ? "Hide unchanged rows" : "Show all rows";
  });
  showAllRows.hidden = !rowButtons.length;

  // --- places ---------------------------------------------------------------
  const identityOf = (node) => {
    const link = node.querySelector("a");
    const target = link && (link.getAttribute("xlink:href") || link.getAttribute("href"));
    return target && target.startsWith("#f=") ? decodeURIComponent(target.slice(3)) : "";
  };
  const nodes = new Map(graph ? [...graph.svg.querySelectorAll("g.node")].map((node) => [identityOf(node), node]) : []);

  const reveal = (row) => {
    const body = row.closest("tbody");
    for (const button of rowButtons) if (body && button.getAttribute("aria-controls") === body.id) showRows(button, true);
    for (let outer = row.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
    if (row.classList.contains("is-removed") && readState().removed === "hide") setFilters({ removed: "" });
    if (row.hidden) setFilters({ kinds: "", text: "" });
  };
  const showPlace = (id) => {
    const target = document.getElementById(id);
    if (!target) return;
    reveal(target);
    if (target.matches("tr")) target.classList.add("selected");
    target.scrollIntoView({ block: target.matches("tr") ? "center" : "start" });
  };
  const selectFunction = (identity, inPlace) => {
    const node = nodes.get(identity);
    if (!graph || !node) return;
    if (node.classList.contains("removed") && readState().removed === "hide") setFilters({ removed: "" });
    node.classList.add("selected");
    const name = identity.slice(0, identity.lastIndexOf("@"));
    const links = rows.filter((row) => row.dataset.function === identity).flatMap((row) => {
      const link = element("a", row.closest("article").dataset.title);
      link.href = "#" + row.id;
      return [" ", link];
    });
    selection.replaceChildren(element("code", name), links.length ? ": in the chain to" : ": in none of these chains", ...links);
    if (inPlace) return;
    graph.centre(node);
    document.getElementById("graph").scrollIntoView();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const target = link.getAttribute("href").slice(1);
    openPlace(target.startsWith("f=") ? { f: decodeURIComponent(target.slice(2)) } : { at: target });
  });
  const clearSelection = () => {
    for (const marked of all(".selected")) marked.classList.remove("selected");
    if (selection) selection.replaceChildren();
  };
  const showHash = (inPlace = false) => {
    const state = readState();
    applyFilters(state);
    clearSelection();
    if (state.f) selectFunction(state.f, inPlace);
    else if (state.at) showPlace(state.at);
  };
  window.addEventListener("hashchange", () => showHash());
  showHash();
})();
