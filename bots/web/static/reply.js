// One reply's blocks, kept equal to the server's rendering by the changes that it sends.

export class Reply {
  constructor(element) {
    this.element = element;
    this.blocks = []; // the HTML of each block
  }

  // See bots/web/live_markdown.py: Change.
  apply({ first, keep, added }) {
    const kept = (this.blocks[first] ?? "").slice(0, keep);
    this.blocks.length = first;
    while (this.element.children.length > first + (keep > 0 ? 1 : 0)) {
      this.element.lastElementChild.remove();
    }
    added.forEach((html, index) => {
      const whole = index === 0 ? kept + html : html;
      this.blocks.push(whole);
      this.#show(first + index, whole);
    });
  }

  #show(index, html) {
    let block = this.element.children[index];
    if (!block) {
      block = document.createElement("div");
      block.className = "block";
      this.element.append(block);
    }
    // The server's renderer lets no HTML of the model through; see bots/web/markdown.py.
    block.innerHTML = html;
  }
}
