// The page: what is chosen, what is shown, what was typed. Everything that happens goes through
// the same JSON that tests use.

import { listed, logged } from "./chats.js"
import { ask, menu, toast } from "./dialogs.js"
import { element } from "./entities.js"
import { encoded } from "./files.js"
import { happenings, sendables } from "./happenings.js"
import { inlineQueries, openInline } from "./inline.js"
import { bubble } from "./messages.js"

const byId = (id) => document.getElementById(id)
const chosen = { person: 7, chat: 7, topic: null }
let view = null
let shown = ""
let context = null // { kind: "reply" | "edit", message }

async function get(path) {
  const answer = await fetch(path)
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
  return answer.json()
}

async function act(name, given) {
  const answer = await fetch(`/_fake/do/${name}`, { method: "POST", body: JSON.stringify(given),
    headers: { "Content-Type": "application/json" } })
  const said = await answer.json()
  if (!answer.ok) return toast(said.error)
  await look()
  return said.result
}

function here() {
  const place = { chat_id: chosen.chat, sender_id: chosen.person }
  return chosen.topic ? { ...place, thread_id: chosen.topic } : place
}

function named(message) {
  return { chat_id: chosen.chat, message_id: message.id }
}

// Looking

async function look() {
  const path = `/_fake/view?person=${chosen.person}&chat=${chosen.chat}`
  const seen = await get(path)
  const text = JSON.stringify([seen, chosen])
  if (text === shown) return
  shown = text
  view = seen
  if (view.chat.moved_to) return choose(view.chat.moved_to, null)
  draw()
}

function draw() {
  drawPeople()
  byId("chats").replaceChildren(...listed(view.chats, view.bot, chosen, choose))
  byId("title").textContent = title()
  byId("state").textContent = state()
  byId("add-topic").disabled = chosen.chat > 0
  byId("calls").replaceChildren(...logged(view.calls))
  drawMessages()
}

function title() {
  const topic = view.chat.topics.find((one) => one.id === chosen.topic)
  if (topic) return `${view.chat.title} › ${topic.name}`
  return view.chat.kind === "private" ? `${view.bot.first_name} (@${view.bot.username})`
    : view.chat.title
}

function state() {
  if (view.typing) return "typing…"
  if (view.chat.shut) return view.chat.shut
  if (!view.chat.bot_is_there) return `@${view.bot.username} is not in this chat`
  return view.chat.kind === "private" ? "bot" : view.chat.kind
}

function drawPeople() {
  const made = view.people.map((person) => {
    const words = `${person.first_name} (${person.language_code ?? "no language"})`
    const option = element("option", "", words)
    option.value = person.id
    option.selected = person.id === chosen.person
    return option
  })
  byId("person").replaceChildren(...made)
}

const bubbles = new Map() // message id → [its JSON, its element]

function drawMessages() {
  const box = byId("messages")
  const made = view.messages
    .filter((one) => !chosen.topic || one.thread_id === chosen.topic)
    .map((message) => {
      const text = JSON.stringify([message, chosen.person])
      const known = bubbles.get(message.id)
      if (known?.[0] === text) return known[1]
      const drawn = bubble(message, chosen.person, acts)
      bubbles.set(message.id, [text, drawn])
      return drawn
    })
  const drafts = view.drafts.map((text) => element("div", "row other",
    element("article", "bubble other draft", element("div", "text", text || "Thinking…"))))
  if (view.typing) drafts.push(element("p", "typing", "●●●"))
  box.replaceChildren(...made, ...drafts)
  if (!made.length && !drafts.length) {
    box.append(element("p", "empty", "Nothing was written here yet. Say hello."))
  }
  settle()
}

// The newest stays in sight, unless somebody reads further up.
let atEnd = true
function settle() {
  const box = byId("messages")
  if (atEnd) box.scrollTop = box.scrollHeight
}
byId("messages").onscroll = () => {
  const box = byId("messages")
  atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60
}
byId("messages").addEventListener("load", settle, true) // pictures come later

function choose(chat, topic) {
  Object.assign(chosen, { chat, topic })
  bubbles.clear()
  forget()
  document.body.dataset.side = "chat"
  atEnd = true
  look()
}

// What is done with a message

const acts = {
  command(text) {
    act("user_says", { ...here(), text })
  },
  async press(message, button, key) {
    if (button.url) return window.open(button.url, "_blank", "noreferrer")
    key.classList.add("waiting")
    const query = await act("user_presses",
      { ...named(message), data: button.callback_data, sender_id: chosen.person })
    const said = query && await answered(query)
    key.classList.remove("waiting")
    if (said?.text) toast(said.text)
  },
  reply: (message) => remember("reply", message),
  edit(message) {
    remember("edit", message)
    byId("text").value = message.text
  },
  react(message, emoji) {
    const again = message.reactions.some((one) => one.emoji === emoji)
    act("user_reacts", { ...named(message), emoji: again ? [] : [emoji], sender_id: chosen.person })
  },
  remove: (message) => act("user_deletes", named(message)),
}

async function answered(query, tries = 60) {
  for (let n = 0; n < tries; n++) {
    const said = await get(`/_fake/answers/${query}`)
    if (Object.keys(said).length) return said
    await new Promise((done) => setTimeout(done, 250))
  }
  return null
}

function remember(kind, message) {
  context = { kind, message }
  byId("context").hidden = false
  const words = kind === "edit" ? "Edit" : `Reply to ${message.name}`
  byId("context").firstElementChild.textContent = `${words}: ${message.text.slice(0, 80)}`
  byId("text").focus()
}

function forget() {
  context = null
  byId("context").hidden = true
}

// Writing

async function send() {
  const text = byId("text").value.trim()
  if (!text) return
  byId("text").value = ""
  grow()
  if (context?.kind === "edit") await act("user_edits", { ...named(context.message), text })
  else if (isGuestQuestion(text)) {
    await act("user_asks_guest", { chat_id: chosen.chat, sender_id: chosen.person, text })
  } else {
    const reply = context ? { reply_to: context.message.id } : {}
    await act("user_says", { ...here(), ...reply, text })
  }
  forget()
  atEnd = true
  settle()
}

// Where the bot is not, its name in a message asks it as a guest.
function isGuestQuestion(text) {
  return chosen.chat < 0 && !view.chat.bot_is_there &&
    text.toLowerCase().includes(`@${view.bot.username.toLowerCase()}`)
}

function grow() {
  const box = byId("text")
  box.style.height = "auto"
  box.style.height = `${Math.min(box.scrollHeight, 160)}px`
}

async function upload(files) {
  const caption = byId("text").value.trim()
  const read = await Promise.all([...files].map(encoded))
  byId("text").value = ""
  const photos = [...files].every((file) => file.type.startsWith("image/"))
  if (photos && read.length > 1) await act("user_sends_album", { ...here(), photos: read, caption })
  else if (photos) await act("user_sends_photo", { ...here(), data: read[0], caption })
  else {
    for (const [number, data] of read.entries()) {
      const { name, type } = files[number]
      await act("user_sends_document", { ...here(), data, file_name: name, caption,
        mime_type: type || "application/octet-stream" })
    }
  }
}

function around() {
  return { chosen, view, here: here(), act, ask, choose, inline: openInline, pick: () => byId("file").click() }
}

byId("composer").onsubmit = (event) => {
  event.preventDefault()
  send()
}
byId("text").onkeydown = (event) => {
  if (event.key === "Escape") forget()
  if (event.key !== "Enter" || event.shiftKey) return
  event.preventDefault()
  send()
}
byId("text").oninput = grow
byId("file").onchange = async () => {
  await upload(byId("file").files)
  byId("file").value = ""
}
byId("context").lastElementChild.onclick = forget
byId("person").onchange = async () => {
  const person = Number(byId("person").value)
  const chat = chosen.chat > 0 ? person : chosen.chat
  chosen.person = person
  choose(chat, chosen.chat === chat ? chosen.topic : null)
}
byId("add-person").onclick = async () => {
  const given = await ask("Somebody else", { name: "Carla", language: "es" })
  if (!given) return
  const user_id = Math.max(...view.people.map((one) => one.id)) + 1
  await act("person", { user_id, name: given.name, language_code: given.language })
  chosen.person = user_id
  choose(user_id, null)
}
byId("add-chat").onclick = async () => {
  const given = await ask("A new group", { title: "Friends" })
  if (!given) return
  const chat_id = Math.min(-100, ...view.chats.map((one) => one.id)) - 1
  await act("make_group", { chat_id, title: given.title, kind: "supergroup" })
  choose(chat_id, null)
}
byId("add-topic").onclick = async () => {
  const given = await ask("A new topic in this group", { name: "Travel" })
  if (!given) return
  const chat_id = chosen.chat
  choose(chat_id, await act("open_topic", { chat_id, name: given.name, sender_id: chosen.person }))
}
byId("back").onclick = () => { document.body.dataset.side = "chats" }
byId("show-log").onclick = () => { byId("log").hidden = !byId("log").hidden }
byId("hide-log").onclick = () => { byId("log").hidden = true }
byId("more").onclick = () => menu("happenings", happenings(around()))
byId("attach").onclick = () => menu("attachments", sendables(around()))
byId("slash").onclick = async () => {
  await look()
  menu("commands", view.commands.map((one) =>
    [`/${one.command}`, one.description, () => acts.command(`/${one.command}`)]))
}
inlineQueries(chosen, act, answered)
document.body.dataset.side = "chat"

async function watch() {
  for (;;) {
    try {
      await look()
    } catch (error) {
      byId("state").textContent = `This page has lost its server: ${error.message}`
    }
    await new Promise((done) => setTimeout(done, 250))
  }
}
watch()
