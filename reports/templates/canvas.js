"use strict";
// Adds pan and zoom to the SVG inside `canvas` and calls `open(node)` for a click on a node. Returns the SVG and a
// function that centres a node; null without an SVG.
const drawing = (canvas, open) => {
  const svg = canvas && canvas.querySelector("svg");
  if (!svg) return null;

  const box = svg.viewBox.baseVal;
  const whole = { x: box.x, y: box.y, w: box.width, h: box.height };
  let view = null;
  const apply = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  const fit = () => { view = { ...whole }; apply(); };
  const showTop = () => {  // at a readable size
    const w = Math.min(whole.w, canvas.clientWidth * 0.8);
    view = { x: whole.x + (whole.w - w) / 2, y: whole.y, w, h: (w * canvas.clientHeight) / canvas.clientWidth };
    apply();
  };
  const zoom = (factor, cx = view.x + view.w / 2, cy = view.y + view.h / 2) => {
    const w = Math.min(Math.max(view.w * factor, 40), whole.w * 6), real = w / view.w;
    view = { x: cx - (cx - view.x) * real, y: cy - (cy - view.y) * real, w, h: view.h * real };
    apply();
  };
  const point = (event) => {
    const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [p.x, p.y];
  };
  const centre = (node) => {
    const box = node.getBBox();
    const p = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2)
      .matrixTransform(node.getCTM()).matrixTransform(svg.getCTM().inverse());
    const scale = Math.min(1, 900 / whole.w);
    if (view.w > whole.w * scale) { view.w = whole.w * scale; view.h = whole.h * scale; }
    view.x = p.x - view.w / 2;
    view.y = p.y - view.h / 2;
    apply();
  };

  svg.removeAttribute("width");
  svg.removeAttribute("height");
  showTop();
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, ...point(event));
  }, { passive: false });
  let drag = null;
  canvas.addEventListener("dragstart", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => { drag = { at: point(event), moved: false, id: event.pointerId }; });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag || !event.buttons) return;
    const [x, y] = point(event);
    if (!drag.moved && Math.hypot(x - drag.at[0], y - drag.at[1]) < view.w / 200) return;
    if (!drag.moved) canvas.setPointerCapture(drag.id);
    drag.moved = true;
    canvas.classList.add("dragging");
    view.x += drag.at[0] - x;
    view.y += drag.at[1] - y;
    apply();
  });
  canvas.addEventListener("pointerup", () => { setTimeout(() => { drag = null; }); canvas.classList.remove("dragging"); });
  for (const node of svg.querySelectorAll("g.node")) {
    node.setAttribute("tabindex", "0");
    node.setAttribute("role", "button");
    node.addEventListener("click", (event) => { event.preventDefault(); if (!drag || !drag.moved) open(node); });
    node.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); open(node); } });
  }
  for (const button of document.querySelectorAll("[data-zoom]")) {
    const action = { in: () => zoom(1 / 1.3), out: () => zoom(1.3), fit }[button.dataset.zoom];
    button.addEventListener("click", action);
  }
  canvas.addEventListener("keydown", (event) => {
    const action = { "+": () => zoom(1 / 1.3), "-": () => zoom(1.3), 0: fit }[event.key];
    if (action) action();
  });
  window.addEventListener("beforeprint", fit);
  return { svg, centre };
};
