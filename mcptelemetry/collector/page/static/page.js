// What the page does better with a script: charts that answer a pointer and the arrow keys, tables
// that sort, filters that need no button, and an empty page that notices the first document.
// Everything it shows is read from the page; nothing is kept but what stands in the address.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_WAIT_MS = 30000;
  // Heights in the picture of a trend: where names end, where points are high, and the base.
  const [NAMES_Y, HIGH_Y, BASE_Y] = [38, 125, 232];

  const make = (parent, name, attributes, text) => {
    const made = parent.namespaceURI === SVG ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      made.setAttribute(key, value);
    }
    if (text !== undefined) {
      made.textContent = text;
    }
    parent.append(made);
    return made;
  };

  // Tells what happened to whoever does not see it; only after a key, for a pointer would make it chatter.
  const voice = make(document.body, "p", { class: "said", role: "status", "aria-live": "polite" });
  const say = (words) => {
    voice.textContent = words;
  };

  const attendTrend = (trend) => {
    const frame = trend.querySelector(".chart-frame");
    const plot = trend.querySelector(".trend-plot");
    const points = [...trend.querySelectorAll(".point")];
    if (!frame || !plot || !points.length) {
      return;
    }
    const lines = points.map((point) => {
      const title = point.querySelector("title");
      const said = title ? title.textContent.split("\n") : [];
      if (title) {
        title.remove(); // ours stands beside the point at once; the browser's would come over it
      }
      return said;
    });
    let shown = -1;
    let marks = [];

    const hide = () => {
      for (const mark of marks) {
        mark.remove();
      }
      marks = [];
      shown = -1;
    };

    const show = (index) => {
      if (index === shown) {
        return;
      }
      hide();
      shown = index;
      const { x, y, errorY, errors } = points[index].dataset;
      const across = `${x}%`;
      const base = points[index].getAttribute("height");
      marks.push(make(plot, "line", { class: "cross", x1: across, x2: across, y1: 0, y2: base }));
      if (Number(errors) > 0) {
        marks.push(make(plot, "circle", { class: "error-dot shown", cx: across, cy: errorY, r: 3 }));
      }
      marks.push(make(plot, "circle", { class: "dot shown", cx: across, cy: y, r: 4 }));
      marks.push(drawTip(plot, lines[index], Number(x), Number(y)));
    };

    const move = (index) => {
      show(Math.max(0, Math.min(points.length - 1, index)));
      say(lines[shown].join(", "));
    };

    const keys = {
      ArrowLeft: () => move(shown < 0 ? points.length - 1 : shown - 1),
      ArrowRight: () => move(shown + 1),
      Home: () => move(0),
      End: () => move(points.length - 1),
      Escape: hide,
    };
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", "Calls over time: the left and right arrow keys go from point to point");
    frame.addEventListener("keydown", (event) => {
      if (keys[event.key] && !event.ctrlKey && !event.altKey && !event.metaKey) {
        event.preventDefault();
        keys[event.key]();
      }
    });
    frame.addEventListener("blur", hide);
    points.forEach((point, index) => {
      point.addEventListener("pointerenter", () => show(index));
      point.addEventListener("pointerdown", () => show(index));
    });
    plot.addEventListener("pointermove", (event) => {
      // A finger keeps the point on which it was put down; go by where it is.
      const box = plot.getBoundingClientRect();
      const index = Math.floor(((event.clientX - box.left) / box.width) * points.length / coverage(points));
      if (index >= 0 && index < points.length) {
        show(index);
      }
    });
    plot.addEventListener("pointerleave", hide);
  };

  // Which part of the width has points: spans that have not come yet have none.
  const coverage = (points) => (parseFloat(points[0].getAttribute("width")) * points.length) / 100;

  const drawTip = (plot, lines, x, y) => {
    const [pad, height, gap] = [10, 18, 12];
    const width = plot.getBoundingClientRect().width;
    const tip = make(plot, "g", { class: "tip", "aria-hidden": "true" });
    const tall = lines.length * height + 2 * pad - 4;
    // Below a high point and above a low one, and never on the names of versions.
    const top = y < HIGH_Y ? BASE_Y - gap - tall : NAMES_Y;
    const box = make(tip, "rect", { rx: 7, y: top, height: tall });
    const texts = lines.map((line, index) =>
      make(tip, "text", { y: top + pad + 11 + index * height, class: index ? "more" : "first" }, line),
    );
    const wide = Math.max(...texts.map((text) => text.getComputedTextLength())) + 2 * pad;
    const at = (x / 100) * width;
    const wanted = at + gap + wide > width ? at - gap - wide : at + gap;
    const left = Math.max(0, Math.min(wanted, width - wide));
    box.setAttribute("x", left);
    box.setAttribute("width", wide);
    for (const text of texts) {
      text.setAttribute("x", left + pad);
    }
    return tip;
  };

  const attendTable = (table) => {
    const body = table.tBodies[0];
    const headers = table.tHead ? [...table.tHead.rows[table.tHead.rows.length - 1].cells] : [];
    if (!body || body.rows.length < 2) {
      return;
    }
    headers.forEach((header, column) => {
      if (header.hasAttribute("data-fixed") || !header.textContent.trim()) {
        return;
      }
      const name = header.textContent.trim();
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const isNumber = [...body.rows].some((row) => valueOf(row, column).isNumber);
        const was = header.getAttribute("aria-sort");
        const first = isNumber ? "descending" : "ascending";
        const order = was ? (was === "ascending" ? "descending" : "ascending") : first;
        for (const other of headers) {
          other.removeAttribute("aria-sort");
        }
        header.setAttribute("aria-sort", order);
        body.append(...[...body.rows].sort(comparison(column, order === "ascending" ? 1 : -1)));
        say(`Sorted by ${name}, ${order}`);
      });
    });
  };

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const given = cell ? cell.dataset.value : undefined;
    const text = cell ? cell.textContent.trim() : "";
    const number = given === undefined || given === "" ? NaN : Number(given);
    return { isNumber: Number.isFinite(number), number, text: given === undefined ? text : given };
  };

  // Where there is no value, the row stays at the end, whichever way is sorted.
  const comparison = (column, sign) => (one, other) => {
    const [a, b] = [valueOf(one, column), valueOf(other, column)];
    if (a.isNumber && b.isNumber) {
      return sign * (a.number - b.number);
    }
    if (a.isNumber !== b.isNumber) {
      return a.isNumber ? -1 : 1;
    }
    if (!a.text || !b.text) {
      return a.text ? -1 : b.text ? 1 : 0;
    }
    return sign * a.text.localeCompare(b.text, "en", { numeric: true });
  };

  const attendFilters = (form) => {
    const needless = [...form.querySelectorAll("[data-needless]")];
    let byKey = false;
    for (const button of needless) {
      button.hidden = true;
    }
    form.addEventListener("keydown", () => {
      byKey = true;
    });
    form.addEventListener("pointerdown", () => {
      byKey = false;
    });
    form.addEventListener("change", (event) => {
      if (byKey || event.target.matches("input:not([type=checkbox]):not([type=radio])")) {
        // The arrow keys pass through choices that nobody means: whoever uses them says when.
        for (const button of needless) {
          button.hidden = false;
        }
      } else {
        form.requestSubmit();
      }
    });
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) {
        if (value === "") {
          event.formData.delete(name);
        }
      }
    });
  };

  const awaitFirstDocument = (place) => {
    let wait = 2000;
    const again = () => {
      wait = Math.min(wait * 1.4, MOST_WAIT_MS);
      window.setTimeout(ask, wait);
    };
    const ask = async () => {
      if (document.hidden) {
        again();
        return;
      }
      try {
        const answer = await fetch(place.dataset.firstDocument, { headers: { Accept: "application/json" }, cache: "no-store" });
        if (answer.status >= 400 && answer.status < 500) {
          return; // signed out, or no such question: whoever asks on would only be refused again
        }
        if (answer.ok && (await answer.json()).has_documents === true) {
          window.location.reload();
          return;
        }
      } catch {
        // The collector may be starting again; ask later.
      }
      again();
    };
    window.setTimeout(ask, wait);
  };

  const attend = (selector, how) => document.querySelectorAll(selector).forEach(how);
  attend(".trend", attendTrend);
  attend("table[data-sortable]", attendTable);
  attend("form[data-filters]", attendFilters);
  attend("[data-first-document]", awaitFirstDocument);
})();
