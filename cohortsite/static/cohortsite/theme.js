// Sets the theme before anything is painted, so that no page flashes. The admin keeps the choice under the same name.
(function () {
  "use strict";
  const KEY = "adminTheme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY));
      return ["light", "dark", "auto"].includes(kept) ? kept : "auto";
    } catch {
      return "auto";
    }
  }

  function apply() {
    const dark = chosen() === "dark" || (chosen() === "auto" && system.matches);
    const before = document.documentElement.classList.contains("dark");
    document.documentElement.classList.toggle("dark", dark);
    document.documentElement.classList.toggle("light", !dark);
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen()));
    }
    if (before !== dark) document.dispatchEvent(new CustomEvent("theme:changed"));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    localStorage.setItem(KEY, JSON.stringify(button.dataset.themeChoice));
    apply();
  });
  document.addEventListener("DOMContentLoaded", apply);
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  apply();
})();
