// Drawn stand-ins for the emoji of the page on machines without a font for them.

const SVG = "http://www.w3.org/2000/svg";

const DRAWN = {
  "🤖": ["M5 9h14v10H5zM12 9V5M9 13h.01M15 13h.01M9.5 16h5M12 4.5h.01", "#4a8f80"],
  "👀": ["M7.5 7a3.5 5 0 1 0 0 10a3.5 5 0 0 0 0-10M16.5 7a3.5 5 0 1 0 0 10a3.5 5 0 0 0 0-10M8.5 13.5h.01M17.5 13.5h.01", "#5d7c96"],
  "✅": ["M4 4h16v16H4zM8 12.5l3 3l5.5-7", "#2f8f5b"],
  "❌": ["M6 6l12 12M18 6L6 18", "#b3442a"],
  "🎉": ["M4 20l5-12l7 7zM14 8c1-3 3-3 3-5M17 11c2-1 3 0 4-1M16 5h.01M20 6h.01", "#b5812e"],
  "👍": ["M7 11l4-7c2 0 2.5 1.5 2 5h6l-1.5 10H7zM4 11v8", "#b5812e"],
  "👎": ["M7 13l4 7c2 0 2.5-1.5 2-5h6l-1.5-10H7zM4 13V5", "#b5812e"],
  "❤️": ["M12 20C4 14 3 10 4.5 7.5C6.5 4.5 10.5 5 12 8.5c1.5-3.5 5.5-4 7.5-1C21 10 20 14 12 20z", "#b8405c"],
  "🙏": ["M12 4v15M12 6c-3 3-5 8-5 13h10c0-5-2-10-5-13", "#b5812e"],
  "💡": ["M9 17h6M10 20h4M12 3.5a6 6 0 0 0-3 11V17h6v-2.5a6 6 0 0 0-3-11z", "#b5812e"],
  "📝": ["M6 3.5h12v17H6zM9 8h6M9 12h6M9 16h3", "#5d7c96"],
  "🔒": ["M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3", "#8a7a50"],
  "⏳": ["M7 3.5h10M7 20.5h10M8 3.5c0 5 3 6 4 8.5c1-2.5 4-3.5 4-8.5M8 20.5c0-5 3-6 4-8.5c1 2.5 4 3.5 4 8.5", "#8a7a50"],
  "🔔": ["M6 17h12c-2-2-1-5-2-8a4 4 0 0 0-8 0c-1 3 0 6-2 8zM11 20h2", "#b5812e"],
};
const KNOWN = new RegExp(`(${Object.keys(DRAWN).join("|")})`, "u");

/** Whether this browser shows a colourful robot: without a font for it there is only a box. */
function coloured() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 16;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  if (!brush) return true;
  brush.textBaseline = "top";
  brush.font = "14px sans-serif";
  brush.fillText("🤖", 0, 0);
  const { data } = brush.getImageData(0, 0, 16, 16);
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] && (data[i] !== data[i + 1] || data[i] !== data[i + 2])) return true;
  return false;
}

const needed = !coloured();

function drawing(sign) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon glyph");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", sign);
  path.setAttribute("d", DRAWN[sign][0]);
  path.setAttribute("stroke", DRAWN[sign][1]);
  svg.append(path);
  return svg;
}

/** A text as a text node, or as text and drawings where the emoji would be boxes. */
export function written(text) {
  if (!needed || !KNOWN.test(text)) return [text];
  return text.split(KNOWN).map((part, n) => (n % 2 ? drawing(part) : part)).filter((part) => part !== "");
}
