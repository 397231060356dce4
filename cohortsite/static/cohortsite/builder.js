// The criteria builder: what posts the form and when, faults at their inputs, where the keyboard goes on, the pickers.
(function () {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const inBuilder = (element) => element.closest?.("#builder");

  // --- What posts: choices and buttons show the form anew, typing only what follows from it -----

  const changed = new Map(); // id -> value of what was changed since the last request: its answer must not undo that

  document.addEventListener("change", (event) => {
    if (!inBuilder(event.target) || !event.target.matches("select, [data-reshapes]")) return;
    changed.set(event.target.id, event.target.value);
    htmx.trigger(byId("builder"), "reshape");
  });
  document.addEventListener("input", (event) => {
    if (!inBuilder(event.target) || !event.target.matches("input, textarea")) return;
    changed.set(event.target.id, event.target.value);
    if (!event.target.matches("[data-reshapes]")) htmx.trigger(byId("builder"), "typed");
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.matches("#builder, #builder-typed")) changed.clear();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "builder-rows" && changed.size) [...changed].forEach(restore);
  });

  // A request for what was chosen waits in line by itself; what was typed has to be sent again.
  function restore([id, value]) {
    const input = byId(id);
    if (!input || input.value === value) return;
    if (input.matches("select") && ![...input.options].some((option) => option.value === value)) return;
    input.value = value;
    if (!input.matches("select, [data-reshapes]")) htmx.trigger(byId("builder"), "typed");
  }

  // --- What an answer tells ---------------------------------------------------------------------

  document.addEventListener("builder-fault", ({ detail: { id, text, open } }) => {
    const rows = byId("builder-rows");
    for (const place of rows.querySelectorAll(".control-fault:not(:empty)")) place.textContent = "";
    for (const input of rows.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    const place = id && byId(`${id}-fault`);
    if (!place) return;
    place.textContent = text;
    place.classList.toggle("control-open", open);
    if (!open) byId(id)?.setAttribute("aria-invalid", "true");
  });

  document.addEventListener("builder-go-on", ({ detail: { id } }) => {
    const FOCUSABLE = "input:not([type=hidden]), select:not(.leaf-kind), textarea, button";
    const place = [id, `${id}-row`, `${id}-tree`].map(byId).find(Boolean);
    const input = place?.matches(FOCUSABLE) ? place : place?.querySelector(FOCUSABLE);
    input?.focus();
  });

  // --- What is not finished is not saved: buttons that need a valid definition wait ---------------

  let fault = "";

  function holdBack() {
    const buttons = document.querySelectorAll("[data-needs-definition]");
    if (!buttons.length) return; // There is no definition, and the page says so.
    for (const button of buttons) button.disabled = Boolean(fault);
    const reason = byId("save-reason");
    reason.textContent = fault ? reason.dataset.unfinished : "";
  }

  document.addEventListener("builder-fault", (event) => {
    fault = event.detail.text;
    holdBack();
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => event.detail.target.querySelector?.("[data-needs-definition]") && holdBack());

  // --- How many customers each row keeps: counted by what follows the builder ----------------------

  // Shown as long as the definition that was counted is the one that stands in the rows.
  function showKept() {
    const kept = byId("builder-kept");
    const counted = kept?.dataset.fingerprint;
    const stands = !byId("builder-open").textContent.trim() && document.querySelector("#builder [name=fingerprint]").value;
    const told = counted && counted === stands ? JSON.parse(kept.value) : {};
    for (const place of document.querySelectorAll("#builder-rows .row-kept")) {
      place.textContent = told[place.id]?.text ?? "";
      place.classList.toggle("row-kept-none", Boolean(told[place.id]?.none));
    }
  }

  document.addEventListener("builder-fault", showKept);
  document.addEventListener("htmx:afterSettle", (event) => byId("builder-rows") && !inBuilder(event.target) && showKept());

  // --- Pickers: comboboxes whose options the server knows -----------------------------------------

  const list = () => byId("builder-options");
  let picking = null; // the input whose options are shown
  let asking = null; // the request under way
  let looking = null; // { id, wanted } of the input whose options are shown or asked for
  let waiting = 0;

  async function show(input, wanted) {
    asking?.abort();
    looking = { id: input.id, wanted };
    const asked = (asking = new AbortController());
    const url = new URL(input.dataset.options, location.href);
    url.searchParams.set("q", wanted.slice(0, 100));
    let html = "";
    try {
      const answer = await fetch(url, { signal: asked.signal, headers: { "X-Requested-With": "fetch" } });
      if (!answer.ok || answer.redirected) return hide();
      html = await answer.text();
    } catch {
      return; // overtaken by the next one, or not to be had: one can write as well
    }
    if (document.activeElement !== input) return;
    list().innerHTML = html;
    if (!list().querySelector("[role=option]")) return hide();
    picking = input;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
    if (!list().matches(":popover-open")) list().showPopover();
    place(input);
  }

  function place(input) {
    const at = input.getBoundingClientRect();
    const shown = list();
    shown.scrollTop = 0;
    shown.style.minWidth = `${Math.min(Math.max(at.width, 240), window.innerWidth - 16)}px`;
    shown.style.maxHeight = "";
    const below = window.innerHeight - at.bottom - 12;
    const height = shown.offsetHeight;
    const above = below < Math.min(height, 200) && at.top > below;
    shown.style.maxHeight = `${Math.min(320, above ? at.top - 12 : below)}px`;
    shown.style.top = `${above ? Math.max(4, at.top - 4 - shown.offsetHeight) : at.bottom + 4}px`;
    shown.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - shown.offsetWidth - 8))}px`;
  }

  function hide() {
    clearTimeout(waiting);
    asking?.abort();
    looking = null;
    if (list()?.matches(":popover-open")) list().hidePopover();
    picking?.setAttribute("aria-expanded", "false");
    picking?.removeAttribute("aria-activedescendant");
    picking = null;
  }

  const active = () => list().querySelector("[aria-selected=true]");

  function activate(option) {
    active()?.setAttribute("aria-selected", "false");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    picking.setAttribute("aria-activedescendant", option.id);
  }

  function step(by) {
    const options = [...list().querySelectorAll("[role=option]")];
    const next = active() ? options.indexOf(active()) + by : by > 0 ? 0 : options.length - 1;
    activate(options[(next + options.length) % options.length]);
  }

  function pick(option) {
    const input = picking;
    input.value = option.dataset.value;
    changed.set(input.id, input.value);
    const type = input.closest(".control-typed")?.querySelector(".control-type");
    const retyped = type && option.dataset.type && type.value !== option.dataset.type;
    if (retyped) {
      type.value = option.dataset.type;
      changed.set(type.id, type.value);
    }
    hide();
    if (retyped || input.matches("[data-reshapes]")) htmx.trigger(byId("builder"), "reshape");
    else htmx.trigger(byId("builder"), "typed");
  }

  document.addEventListener("click", (event) => {
    const input = event.target.closest?.("#builder [data-options]");
    // All of them, as what stands there was chosen before; typing narrows them.
    if (input && picking !== input) show(input, "");
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("#builder [data-options]")) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => show(event.target, event.target.value), 120);
  });
  document.addEventListener(
    "keydown",
    (event) => {
      const input = event.target;
      if (!input.matches?.("#builder [data-options]")) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (picking === input) step(event.key === "ArrowDown" ? 1 : -1);
        else show(input, "").then(() => picking === input && step(event.key === "ArrowDown" ? 1 : -1));
      } else if (event.key === "Enter" && picking === input && active()) {
        event.preventDefault();
        pick(active());
      } else if (event.key === "Escape" && picking === input) {
        event.preventDefault();
        event.stopPropagation();
        hide();
      }
    },
    true,
  );
  document.addEventListener("focusout", (event) => event.target.matches?.("#builder [data-options]") && hide());
  // Choosing by pointer must not take the focus away before it is done.
  document.addEventListener("mousedown", (event) => event.target.closest?.("#builder-options") && event.preventDefault());
  document.addEventListener("click", (event) => {
    const option = event.target.closest?.("#builder-options [role=option]");
    if (option && picking) pick(option);
  });
  // An answer that comes meanwhile puts another element in the input's place, which takes the focus: go on there.
  let looked = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id === "builder-rows") looked = looking;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "builder-rows" || !looked) return;
    const input = document.activeElement;
    if (input.id === looked.id) show(input, looked.wanted);
    else hide();
  });
  window.addEventListener("resize", hide);
  document.addEventListener("scroll", (event) => event.target !== list() && picking && place(picking), true);
})();
