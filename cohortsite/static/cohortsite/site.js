// What every page of ours needs: toasts, the dialog, menus that stand beside their button, copying.
(function () {
  "use strict";

  // --- Toasts ---------------------------------------------------------------------------------

  const ICONS = { good: "check_circle", bad: "error", warn: "warning", info: "info" };

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function icon(name) {
    const made = element("span", "icon", name);
    made.setAttribute("aria-hidden", "true");
    return made;
  }

  function toast(text, tone = "info") {
    const made = element("div", `toast toast-${tone}`);
    const close = element("button", "button button-icon button-small");
    close.type = "button";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", "Dismiss");
    close.append(icon("close"));
    made.append(icon(ICONS[tone] || "info"), element("p", "", text), close);
    document.getElementById("toasts").append(made);
    retire(made);
  }

  // Good news goes by itself, unless somebody reads it; bad news stays until it is dismissed.
  function retire(shown) {
    if (shown.matches(".toast-bad, .toast-error, .toast-warn, .toast-warning")) return;
    setTimeout(() => (shown.matches(":hover, :focus-within") ? retire(shown) : shown.remove()), 7000);
  }

  document.addEventListener("toast", (event) => toast(event.detail.text || event.detail.value, event.detail.tone));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    toast(
      status === 403 ? "You may not do that." : status === 404 ? "That no longer exists." : "Something went wrong. Try again in a moment.",
      "bad",
    );
  });
  document.addEventListener("htmx:sendError", () => toast("The site cannot be reached. Check the connection and try again.", "bad"));
  document.addEventListener("htmx:timeout", () => toast("That took too long and was given up.", "bad"));

  // --- Dialog ---------------------------------------------------------------------------------

  const dialog = () => document.getElementById("dialog");

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== dialog() || dialog().open || !dialog().hasChildNodes()) return;
    dialog().showModal();
  });
  document.addEventListener("close-dialog", () => {
    dialog().close();
    dialog().replaceChildren(); // at once: the swap that may follow opens a dialog that has content
  });
  document.addEventListener("close", (event) => {
    if (event.target !== dialog()) return;
    const then = dialog().querySelector("[data-then]")?.dataset.then;
    dialog().replaceChildren();
    if (then) location.assign(then);
  }, true);
  document.addEventListener("mousedown", (event) => event.target === dialog() && dialog().close());

  // --- Menus: popovers, which the browser opens and closes -------------------------------------

  function place(menu, button) {
    const gap = 4;
    const at = button.getBoundingClientRect();
    const size = menu.getBoundingClientRect();
    const below = at.bottom + gap + size.height <= window.innerHeight && button.dataset.place !== "above";
    const left = Math.min(Math.max(gap, at.right - size.width), window.innerWidth - size.width - gap);
    menu.style.top = `${below ? at.bottom + gap : Math.max(gap, at.top - gap - size.height)}px`;
    menu.style.left = `${Math.max(gap, left)}px`;
  }

  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!(menu instanceof HTMLElement) || !menu.matches(".menu[popover]") || event.newState !== "open") return;
      place(menu, document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`));
      menu.querySelector("a, button")?.focus();
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.(".menu[popover]");
    if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll("a, button")];
    const step = event.key === "ArrowDown" ? 1 : items.length - 1;
    items[(items.indexOf(document.activeElement) + step) % items.length].focus();
  });

  // --- Copying --------------------------------------------------------------------------------

  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // Without https there is no clipboard API.
    const area = element("textarea", "visually-hidden");
    area.value = text;
    (dialog().open ? dialog() : document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  async function copyFrom(button) {
    await copy(document.getElementById(button.dataset.copy).textContent);
    const label = button.querySelector("[data-copy-label]") || button;
    const before = label.textContent;
    label.textContent = "Copied";
    setTimeout(() => (label.textContent = before), 2000);
  }

  // --- Clicks ---------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-dismiss], [data-close-dialog], [data-copy]");
    if (button?.matches("[data-dismiss]")) button.parentElement.remove();
    else if (button?.matches("[data-close-dialog]")) dialog().close();
    else if (button?.matches("[data-copy]")) copyFrom(button);
    else event.target.closest(".menu-item")?.closest("[popover]")?.hidePopover();
  });
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".toast").forEach(retire));
})();
