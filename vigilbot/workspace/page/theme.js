// Light and dark: the system's choice until somebody makes another.

import { icon, replace } from "./dom.js";

/** `choice`: "light", "dark" or "" for the system's; `keep` is told what the button makes of it. */
export function themed(button, choice, keep) {
  let dark = choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const show = () => {
    const label = dark ? "Light colours" : "Dark colours";
    replace(button, icon(dark ? "sun" : "moon"));
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  if (choice) document.documentElement.dataset.theme = choice;
  show();
  button.addEventListener("click", () => {
    dark = !dark;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    keep(document.documentElement.dataset.theme);
    show();
  });
}
