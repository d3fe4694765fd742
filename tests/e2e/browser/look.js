// What a person would find wrong with how the page lies, as a list of sentences.
const EDGE = 1; // a pixel, for what is rounded

const root = document.documentElement;
const width = root.clientWidth;

// Chromium leaves the page's content in a scroll region where it is wider than the region.
const isClipping = (style) => style.overflowX !== "visible" || style.overflowY !== "visible";
const isScrolling = (style) => style.overflowX === "auto" || style.overflowX === "scroll";

function seenPart(rect, element) {
  // What is left of a rectangle after all that clips it on the way up, and whether a scroll region did.
  let { left, right, top, bottom } = rect;
  let isInRegion = false;
  for (let up = element; up && up !== document.body; up = up.parentElement) {
    const style = getComputedStyle(up);
    if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return null;
    if (!isClipping(style)) continue;
    const box = up.getBoundingClientRect();
    isInRegion ||= isScrolling(style);
    left = Math.max(left, box.left);
    right = Math.min(right, box.right);
    top = Math.max(top, box.top);
    bottom = Math.min(bottom, box.bottom);
    if (style.position === "fixed") break;
  }
  return right - left > EDGE && bottom - top > EDGE ? { left, right, top, bottom, isInRegion } : null;
}

function nameOf(element) {
  const names = [];
  for (let up = element; up && up !== document.body && names.length < 4; up = up.parentElement) {
    const classes = typeof up.className === "string" && up.className ? "." + up.className.trim().replace(/\s+/g, ".") : "";
    names.unshift(up.tagName.toLowerCase() + (up.id ? "#" + up.id : "") + classes);
  }
  return names.join(" > ");
}

function findTexts() {
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim()) continue;
    const element = node.parentElement;
    if (["SCRIPT", "STYLE", "NOSCRIPT", "TITLE", "DESC", "OPTION"].includes(element.tagName.toUpperCase())) continue;
    if (element.checkVisibility && !element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      const part = seenPart(rect, element);
      if (part) texts.push({ ...part, node, element });
    }
  }
  return texts;
}

function look() {
  const faults = [];
  if (root.scrollWidth > width + EDGE) faults.push(`the document is ${root.scrollWidth} wide in a window of ${width}`);
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest("svg") && element.tagName.toLowerCase() !== "svg") continue;
    if (!element.checkVisibility({ checkVisibilityCSS: true })) continue;
    const part = seenPart(element.getBoundingClientRect(), element.parentElement || document.body);
    if (part && (part.right > width + EDGE || part.left < -EDGE)) {
      faults.push(`${nameOf(element)} reaches from ${Math.round(part.left)} to ${Math.round(part.right)} of ${width}`);
    }
  }
  const texts = findTexts();
  for (const text of texts) {
    const card = text.element.closest("section, article, [data-figure], header, footer");
    if (!card) continue;
    const box = card.getBoundingClientRect();
    if (text.right > box.right + EDGE || text.left < box.left - EDGE) {
      faults.push(`the text ${JSON.stringify(text.node.data.trim().slice(0, 40))} leaves ${nameOf(card)}`);
    }
  }
  // Text on text: sorted from above, so that each is held against its neighbours only.
  texts.sort((one, other) => one.top - other.top);
  for (let i = 0; i < texts.length; i++) {
    for (let j = i + 1; j < texts.length && texts[j].top < texts[i].bottom - 3; j++) {
      const [one, other] = [texts[i], texts[j]];
      if (one.node === other.node || one.isInRegion !== other.isInRegion) continue;
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (across > 2 && down > 4) {
        faults.push(
          `${JSON.stringify(one.node.data.trim().slice(0, 40))} lies on ${JSON.stringify(other.node.data.trim().slice(0, 40))}` +
            ` in ${nameOf(other.element)}`,
        );
      }
    }
  }
  if (root.getElementsByTagName("*").length > 60000) faults.push("the document has more than 60,000 elements");
  return [...new Set(faults)].slice(0, 25);
}
return look();
