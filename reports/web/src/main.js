import { readDocument, TABLE_OF_KIND } from "./document.js";
import { h, replace } from "./dom.js";
import { showKeys } from "./keys.js";
import { t } from "./i18n.js";
import { licences } from "./licences.js";
import { Palette } from "./palette.js";
import { renderPanel } from "./panel.js";
import { State } from "./state.js";
import { themeSwitch } from "./theme.js";
import { VIEWS } from "./views/index.js";

const doc = readDocument();
const views = VIEWS.filter((view) => view.available(doc));
const state = new State(doc, Object.keys(TABLE_OF_KIND), views[0].name);
const palette = new Palette(doc, state, views);

const tabs = h("nav", { class: "tabs", "aria-label": t("Views") });
const container = h("div", { class: "view", id: "view" });
const heading = h("h2", { class: "view-title", tabindex: "-1" });
const panel = h("aside", { class: "panel", "aria-label": t("Details"), tabindex: "-1" });
const filterBox = h("input", {
  type: "search", class: "filter", id: "filter", placeholder: t("Filter"), "aria-label": t("Filter: rows that contain all words, -word for those without"),
  autocomplete: "off", oninput: (event) => state.setFilter(event.target.value),
});

let current = null; // the view that is shown
let leave = null; // what the view wants to be called when it is left

function currentView() {
  return views.find((view) => view.name === state.view) || views[0];
}

function renderView() {
  leave?.();
  current = currentView();
  heading.textContent = current.title;
  replace(container);
  container.className = `view view-${current.name}`;
  const returned = current.render(container, doc, state);
  leave = typeof returned === "function" ? returned : null;
  document.title = `${current.title} · ${doc.page.title}`;
}

function renderTabs() {
  replace(tabs, views.map((view) => h("a", {
    href: state.href({ view: view.name }), "aria-current": view === currentView() ? "page" : null, title: t("key {key}", { key: view.key }), text: view.title,
  })));
  const shown = tabs.querySelector("[aria-current]");
  if (tabs.scrollWidth > tabs.clientWidth) tabs.scrollLeft = shown.offsetLeft - tabs.offsetLeft - 40;
}

function changed(change) {
  renderTabs();
  if (filterBox.value !== state.filter) filterBox.value = state.filter;
  if (change.selection) renderPanel(panel, doc, state);
  if (change.view || currentView() !== current) renderView();
  else if (current.update) current.update(container, doc, state, change);
  else renderView();
}

function header() {
  const badge = doc.page.imported ? null : h("span", { class: doc.page.complete ? "badge good" : "badge bad", text: doc.page.complete ? t("complete") : t("incomplete") });
  return h("header", { class: "top" },
    h("h1", { text: doc.page.title }),
    h("p", { class: "verdict" }, badge, " ", doc.page.summary),
    h("div", { class: "bar" }, tabs,
      h("div", { class: "tools" }, filterBox,
        h("button", { type: "button", id: "find", onclick: () => palette.open(), title: t("key {key}", { key: "/" }), text: t("Find") }),
        themeSwitch(),
        h("button", { type: "button", id: "keys", onclick: showKeys.bind(null, views), title: t("key {key}", { key: "?" }), text: t("Keys") }))));
}

function footer() {
  return h("footer", {},
    h("p", { text: t("This page is one file. It loads nothing from the network.") }),
    h("details", { class: "licences" }, h("summary", { text: t("Licences of the packages in this page") }),
      licences.map(({ name, version, licence, text }) => h("section", {}, h("h3", { text: `${name} ${version} (${licence})` }), h("pre", { text })))));
}

function typing(target) {
  return target.matches("input, textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    palette.open();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target === filterBox && state.filter) state.setFilter("");
  else if (event.key === "Escape" && state.selection) state.select("", -1);
  if (typing(event.target)) return;
  const view = views.find((each) => each.key === event.key);
  if (event.key === "/") palette.open();
  else if (event.key === "?") showKeys(views);
  else if (event.key === "f") filterBox.focus();
  else if (view) state.show(view.name);
  else return;
  event.preventDefault();
});

document.body.append(
  h("a", { class: "skip", href: "#view", onclick: (event) => { event.preventDefault(); heading.focus(); }, text: t("Skip to the view") }),
  header(),
  h("div", { class: "body" }, h("main", {}, heading, container), panel),
  footer(), palette.dialog);
filterBox.value = state.filter;
state.subscribe(changed);
renderTabs();
renderPanel(panel, doc, state); // before the view, which has the width that it leaves
renderView();
