// Slack's text as elements. What came from outside is only ever put into text nodes.

export function element(name, className, ...children) {
  const made = document.createElement(name)
  if (className) made.className = className
  made.append(...children.filter((child) => child !== null && child !== undefined))
  return made
}

const TOKEN = /<([^<>\n]*)>/g
const PLAIN = { "&amp;": "&", "&lt;": "<", "&gt;": ">" }
const decoded = (text) => text.replace(/&(amp|lt|gt);/g, (one) => PLAIN[one])

// Mentions and links; `names` says who is who.
export function mrkdwn(text, names) {
  const box = document.createDocumentFragment()
  let at = 0
  for (const found of text.matchAll(TOKEN)) {
    box.append(decoded(text.slice(at, found.index)), token(found[1], names))
    at = found.index + found[0].length
  }
  box.append(decoded(text.slice(at)))
  return box
}

function token(inner, names) {
  const [target, label] = inner.split("|", 2)
  if (target.startsWith("@")) {
    return element("span", "mention", `@${label ?? names[target.slice(1)] ?? target.slice(1)}`)
  }
  if (target.startsWith("#")) return element("span", "mention", `#${label ?? target.slice(1)}`)
  if (target.startsWith("!")) {
    return element("span", "mention", label ?? `@${target.slice(1).split("^")[0]}`)
  }
  return link(target, label ?? target)
}

function link(address, label) {
  if (!/^(https?|mailto):/i.test(address)) return decoded(`<${address}>`)
  const made = element("a", "", decoded(label))
  made.href = address
  made.rel = "noreferrer noopener"
  made.target = "_blank"
  return made
}

// Enough of Markdown to read an answer by: code, headings, bold and links.
export function markdown(text, names) {
  const box = element("div", "words")
  const parts = text.split(/^(?:```|~~~)[^\n]*\n?/m)
  parts.forEach((part, number) => {
    if (number % 2) box.append(element("pre", "", part.replace(/\n$/, "")))
    else lines(box, part, names)
  })
  return box
}

function lines(box, text, names) {
  const all = text.split("\n")
  all.forEach((line, number) => {
    const heading = /^#{1,6}\s+(.*)/.exec(line)
    if (heading) return box.append(element("h3", "", inline(heading[1], names)))
    box.append(inline(line, names), number < all.length - 1 ? "\n" : "")
  })
}

function inline(line, names) {
  const box = document.createDocumentFragment()
  for (const part of line.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))/)) {
    const named = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part)
    if (/^`.+`$/.test(part)) box.append(element("code", "", part.slice(1, -1)))
    else if (/^\*\*.+\*\*$/.test(part)) box.append(element("b", "", part.slice(2, -2)))
    else if (named) box.append(link(named[2], named[1]))
    else box.append(mrkdwn(part, names))
  }
  return box
}
