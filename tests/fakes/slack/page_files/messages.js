// One message, in a conversation or in a thread.

import { blocks } from "./blocks.js"
import { element, markdown, mrkdwn } from "./words.js"

export function message(one, view, me, acts, replies) {
  if (one.subtype === "channel_join") {
    return element("p", "service", mrkdwn(one.text, view.names))
  }
  const streaming = one.stream === "streaming" ? " streaming" : ""
  const loud = one.broadcasts.length ? " calls-all" : ""
  const box = element("div", "", head(one), ...body(one, view, acts), ...foot(one, acts, replies))
  const made = element("article", `message${one.bot ? " bot" : ""}${streaming}${loud}`,
    element("span", "avatar", one.name[0]), box)
  made.dataset.ts = one.ts
  made.append(tools(one, me, acts, replies))
  return made
}

function head(one) {
  const time = new Date(Number(one.ts) * 1000).toISOString().slice(11, 16)
  const tags = [one.bot && "app", one.outsider && "other company",
    one.stream && one.stream.replaceAll("_", " "), one.edits && `edited ${one.edits}×`]
  return element("header", "", element("b", "", one.name), element("small", "", time),
    ...tags.filter(Boolean).map((words) => element("span", "tag", words)),
    ...one.broadcasts.map((who) => element("span", "tag bad", `calls @${who.slice(1)}`)))
}

function body(one, view, acts) {
  const made = []
  if (one.plan) made.push(element("b", "", one.plan))
  for (const task of one.tasks) {
    const line = element("div", "task", task.title ?? task.id)
    line.dataset.status = task.status
    made.push(line)
  }
  if (one.streamed) made.push(markdown(one.streamed, view.names))
  else if (one.stream) made.push(element("div", "words"))
  else if (!one.blocks.length && one.text) {
    made.push(element("div", "words", mrkdwn(one.text, view.names)))
  }
  made.push(...blocks(one.blocks, view.names, (action) => acts.press(one, action)))
  for (const quote of one.attachments) {
    made.push(element("blockquote", "quote", element("b", "", quote.author_name ?? quote.title),
      element("div", "words", quote.text ?? "")))
  }
  for (const file of one.files) {
    const link = element("a", "file", `${file.name}, ${file.bytes} bytes`)
    link.href = `/_fake/files/${encodeURIComponent(file.id)}`
    made.push(link)
  }
  return made
}

function foot(one, acts, replies) {
  const made = one.reactions.map((name) => element("span", "reaction", `:${name}:`))
  if (replies) {
    const link = element("button", "thread-link", replies === 1 ? "1 reply" : `${replies} replies`)
    link.onclick = () => acts.thread(one)
    made.push(link)
  }
  return made
}

function tools(one, me, acts, replies) {
  const box = element("div", "tools")
  const add = (label, act) => {
    const made = element("button", "", label)
    made.onclick = () => act(one)
    box.append(made)
  }
  if (replies !== undefined) add("Thread", acts.thread)
  add("Ask about this", acts.shortcut)
  if (one.stream === "streaming") add("Stop", acts.stopStream)
  if (one.user === me) {
    add("Edit", acts.edit)
    add("Delete", acts.remove)
  }
  return box
}

export function ephemeral(one, view) {
  const said = one.blocks.length ? blocks(one.blocks, view.names, () => {})
    : [element("div", "words", mrkdwn(one.text, view.names))]
  const note = element("small", "", "Only visible to you")
  return element("article", "message bot ephemeral", element("span", "avatar", "O"),
    element("div", "", note, ...said))
}
