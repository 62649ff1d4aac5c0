import { h } from "./dom.js";
import { t } from "./i18n.js";

const KEY = "callchain-theme";

/** The switch between the system's theme, light and dark; the choice is remembered where the browser allows it. */
export function themeSwitch() {
  const names = { auto: t("Theme: auto"), light: t("Theme: light"), dark: t("Theme: dark") };
  const select = h("select", { id: "theme", "aria-label": t("Theme"), onchange: () => apply(select.value) },
    Object.entries(names).map(([value, text]) => h("option", { value, text })));
  select.value = remembered();
  apply(select.value);
  return select;
}

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // a page from a file may have no storage
  }
}

function remembered() {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "light" || theme === "dark" ? theme : "auto";
  } catch {
    return "auto";
  }
}
