// Formatted text as elements. What came from outside is only ever put into text nodes.

const STYLES = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code",
  pre: "pre", blockquote: "blockquote", expandable_blockquote: "blockquote" }
const BLOCKS = new Set(["pre", "blockquote"])
const LINKS = /^(https?|tg|mailto):/i

export function element(name, className, ...children) {
  const made = document.createElement(name)
  if (className) made.className = className
  made.append(...children.filter((child) => child !== null && child !== undefined))
  return made
}

// Offsets are UTF-16 units, which is how JavaScript counts too.
export function formatted(text, entities, onCommand) {
  const parts = document.createDocumentFragment()
  fill(parts, text, [...entities].sort(inOrder), 0, text.length, onCommand)
  return parts
}

function inOrder(one, other) {
  return one.offset - other.offset || other.length - one.length
}

function fill(parent, text, entities, start, end, onCommand) {
  let at = start
  while (entities.length) {
    const [first, ...rest] = entities
    const stop = Math.min(first.offset + first.length, end)
    parent.append(text.slice(at, first.offset))
    const inside = rest.filter((one) => one.offset < stop)
    const box = wrapped(first, text.slice(first.offset, stop), onCommand)
    fill(box, text, inside.map((one) => cut(one, first.offset, stop)), first.offset, stop, onCommand)
    parent.append(box)
    // A block ends its line by itself.
    at = BLOCKS.has(box.localName) && text[stop] === "\n" && stop < end ? stop + 1 : stop
    entities = rest.map((one) => cut(one, at, end)).filter((one) => one.length > 0)
  }
  parent.append(text.slice(at, end))
}

function cut(entity, start, end) {
  const offset = Math.max(entity.offset, start)
  const stop = Math.min(entity.offset + entity.length, end)
  return { ...entity, offset, length: Math.max(stop - offset, 0) }
}

function wrapped(entity, covered, onCommand) {
  if (entity.type === "text_link" || entity.type === "url") return link(entity.url ?? covered)
  if (entity.type === "bot_command") return command(covered, onCommand)
  const box = element(STYLES[entity.type] ?? "span", entity.type)
  if (entity.type === "pre" && entity.language) box.dataset.language = entity.language
  if (entity.type === "spoiler" || entity.type === "expandable_blockquote") {
    box.tabIndex = 0
    box.onclick = () => box.classList.toggle("open")
  }
  return box
}

function link(url) {
  const box = element("a")
  if (LINKS.test(url)) box.href = url
  box.rel = "noreferrer noopener"
  box.target = "_blank"
  box.title = url
  return box
}

function command(covered, onCommand) {
  const box = element("a", "bot_command")
  box.href = "#"
  box.onclick = (event) => {
    event.preventDefault()
    onCommand(covered)
  }
  return box
}
