// The look-up: tells when counting takes long or failed, keeps the keyboard's place, filters the column chooser.
(function () {
  "use strict";

  const SLOW = 4000;
  const results = () => document.getElementById("results");
  const isCount = (event) => event.detail.target === results();

  // --- Counting that takes long, or fails -------------------------------------------------------

  let timer;

  function hush() {
    clearTimeout(timer);
    document.getElementById("lookup-slow").textContent = "";
  }

  document.addEventListener("htmx:beforeSend", (event) => {
    if (!isCount(event)) return;
    hush();
    const note = document.getElementById("lookup-slow");
    timer = setTimeout(() => (note.textContent = note.dataset.text), SLOW);
  });
  document.addEventListener("htmx:afterRequest", (event) => isCount(event) && hush());

  function fail(event) {
    if (!isCount(event)) return;
    results().replaceChildren(document.getElementById("lookup-failed").content.cloneNode(true));
    document.getElementById("lookup-count").textContent = "";
  }
  ["htmx:responseError", "htmx:sendError", "htmx:timeout"].forEach((name) => document.addEventListener(name, fail));
  document.addEventListener("click", (event) => event.target.closest("[data-retry]") && htmx.trigger(results(), "retry"));

  // --- The keyboard stays where it was when the table is made anew -------------------------------

  let place = null;

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isCount(event)) return;
    const link = document.activeElement?.closest("#results thead a, #results .pager a");
    if (!link) place = null;
    else place = link.rel ? `.pager a[rel=${link.rel}], .pager a` : `thead th:nth-child(${link.closest("th").cellIndex + 1}) a`;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (!isCount(event) || !place) return;
    results().querySelector(place)?.focus({ preventScroll: true });
    place = null;
  });

  // --- The column chooser -------------------------------------------------------------------------

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-filter-columns]")) return;
    const wanted = event.target.value.trim().toLowerCase();
    document.querySelectorAll(".columns-item").forEach((item) => {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
    });
  });
  // Leaving the filter changes no column.
  document.addEventListener("change", (event) => event.target.matches("[data-filter-columns]") && event.stopPropagation(), true);
})();
