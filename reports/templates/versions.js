"use strict";
const box = document.getElementById("changed-only");
const show = () => document.body.classList.toggle("changed-only", box.checked);
box.checked = location.hash === "#changed";
box.addEventListener("change", () => {
  history.replaceState(null, "", box.checked ? "#changed" : location.pathname);
  show();
});
show();
