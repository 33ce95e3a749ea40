// One message as a bubble.

import { element, formatted } from "./entities.js"

const REACTIONS = ["👍", "👎", "❤"]

export function bubble(message, me, acts) {
  if (message.service) return element("p", "service", message.service)
  const own = message.sender_id === me
  const box = element("article", `bubble ${own ? "own" : "other"}`)
  box.append(
    ...(own ? [] : [element("strong", "name", message.name)]),
    ...notes(message),
    ...body(message, acts),
    foot(message),
  )
  const row = element("div", `row ${own ? "own" : "other"}`, box)
  if (message.keyboard.length) box.append(keyboard(message, acts))
  box.append(tools(message, own, acts))
  return row
}

function notes(message) {
  const made = []
  if (message.origin) made.push(element("p", "note", `Forwarded from ${message.origin}`))
  if (message.via) made.push(element("p", "note", `via @${message.via}`))
  if (message.guest) made.push(element("p", "note", "asked of a guest"))
  if (message.reply) {
    const said = message.reply.gone ? "deleted message" : message.reply.text
    made.push(element("p", "reply", element("b", "", message.reply.name), said))
  }
  return made
}

function body(message, acts) {
  const made = []
  if (message.content.kind) made.push(content(message.content))
  if (message.text) {
    const text = element("div", "text")
    text.dir = "auto"
    text.append(formatted(message.text, message.entities, acts.command))
    made.push(text)
  }
  return made
}

function content({ kind, note, file_id: file, options }) {
  const address = file ? `/_fake/files/${encodeURIComponent(file)}` : ""
  if (kind === "photo") {
    const picture = element("img", "photo")
    picture.src = address
    picture.alt = note
    return picture
  }
  const box = element("div", "content", element("b", "", kind), element("span", "", note))
  for (const option of options ?? []) box.append(element("span", "option", option))
  if (!file) return box
  const link = element("a", "file", box)
  link.href = address
  return link
}

function foot(message) {
  const time = new Date(message.date * 1000).toISOString().slice(11, 16)
  const edits = message.edits ? `edited ${message.edits}× ` : ""
  const lost = message.lost ? `${message.lost} entities left out ` : ""
  const reactions = message.reactions.map(({ emoji, count }) =>
    element("span", "reaction", count > 1 ? `${emoji} ${count}` : emoji))
  return element("footer", "", ...reactions, element("small", "", `${lost}${edits}${time}`))
}

function keyboard(message, acts) {
  const box = element("div", "keyboard")
  for (const row of message.keyboard) {
    box.append(element("div", "", ...row.map((button) => key(message, button, acts))))
  }
  return box
}

function key(message, button, acts) {
  const made = element("button", "", button.text)
  made.title = button.callback_data ?? button.url ?? ""
  made.onclick = () => acts.press(message, button, made)
  return made
}

function tools(message, own, acts) {
  const box = element("div", "tools")
  const add = (label, title, act) => {
    const button = element("button", "", label)
    button.title = title
    button.onclick = act
    box.append(button)
  }
  add("↩", "Reply", () => acts.reply(message))
  if (own) add("✎", "Edit", () => acts.edit(message))
  for (const emoji of REACTIONS) add(emoji, `React ${emoji}`, () => acts.react(message, emoji))
  add("🗑", "Delete", () => acts.remove(message))
  return box
}
