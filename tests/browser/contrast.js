// Returns the texts of the page whose contrast with what is under them is too low
// (WCAG 2.1, level AA: 4.5, or 3 for large text), as [ratio, needed, tag.class, text].
() => {
  const canvas = document.createElement("canvas").getContext("2d", {
    willReadFrequently: true,
  });
  // By drawing, which takes every syntax of CSS colours.
  const known = new Map();
  function parse(colour) {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  }
  const over = (top, below) =>
    [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const line = (c) => {
    c /= 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  const luminance = (c) =>
    0.2126 * line(c[0]) + 0.7152 * line(c[1]) + 0.0722 * line(c[2]);
  function ground(element) {
    const chain = [];
    for (let e = element; e; e = e.parentElement) chain.unshift(e);
    let colour = [255, 255, 255];
    for (const e of chain) {
      const own = parse(getComputedStyle(e).backgroundColor);
      colour = over(own, colour);
    }
    return colour;
  }
  const low = [];
  let checked = 0;
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes]
      .filter((node) => node.nodeType === Node.TEXT_NODE)
      .map((node) => node.textContent.trim())
      .join(" ")
      .trim();
    if (!text || !element.checkVisibility()) continue;
    if (element.matches("script, style, title")) continue;
    // A hatched ground has no one colour; its text has a halo instead.
    if (element.closest(".failed")) continue;
    const style = getComputedStyle(element);
    const inDrawing = element.closest("svg") !== null;
    const ink = [...parse(inDrawing ? style.fill : style.color)];
    for (let e = element; e; e = e.parentElement) {
      ink[3] *= Number(getComputedStyle(e).opacity);
    }
    const below = ground(element);
    const pair = [luminance(over(ink, below)), luminance(below)].sort((a, b) => a - b);
    const ratio = (pair[1] + 0.05) / (pair[0] + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const needed = large ? 3 : 4.5;
    checked += 1;
    if (ratio < needed) {
      const name = `${element.tagName.toLowerCase()}.${element.getAttribute("class")}`;
      low.push([Math.round(ratio * 100) / 100, needed, name, text.slice(0, 40)]);
    }
  }
  return { checked, low };
};
