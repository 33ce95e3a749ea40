// Block Kit, as far as a bot uses it.

import { element, markdown, mrkdwn } from "./words.js"

// `press(action)` is called with what a control sends; `names` says who is who.
export function blocks(all, names, press) {
  return all.map((block) => (DRAWN[block.type] ?? unknown)(block, names, press))
}

function words(text, names) {
  const box = element("div", "words")
  box.append(text.type === "mrkdwn" ? mrkdwn(text.text, names) : text.text)
  return box
}

const DRAWN = {
  markdown: (block, names) => markdown(block.text, names),
  header: (block) => element("p", "heading", block.text.text),
  divider: () => element("hr", "divider"),
  section(block, names, press) {
    const said = element("div", "")
    if (block.text) said.append(words(block.text, names))
    for (const field of block.fields ?? []) said.append(words(field, names))
    const side = block.accessory ? controls([block.accessory], block, press) : null
    return element("div", "section", said, side)
  },
  context: (block, names) => element("div", "context", ...block.elements.map((one) =>
    one.type === "image" ? element("span", "", one.alt_text) : words(one, names))),
  actions: (block, names, press) => controls(block.elements, block, press),
  context_actions: (block, names, press) => controls(block.elements, block, press),
  image: (block) => element("span", "file", `Picture: ${block.alt_text}`),
  table: (block) => element("table", "", ...block.rows.map((row) =>
    element("tr", "", ...row.map((cell) => element("td", "", textOf(cell)))))),
  rich_text: (block) => element("div", "words", textOf(block)),
  input: (block) => field(block),
}

function unknown(block) {
  return element("small", "", `A block of type ${block.type}`)
}

function textOf(thing) {
  if (typeof thing?.text === "string") return thing.text
  return (thing?.elements ?? []).map(textOf).join("")
}

function controls(elements, block, press) {
  return element("div", "controls", ...elements.flatMap((one) => control(one, block, press)))
}

function control(one, block, press) {
  if (one.type === "feedback_buttons") {
    return [one.positive_button, one.negative_button].map((half) =>
      button(half.text.text, "feedback",
        () => press({ action_id: one.action_id, value: half.value })))
  }
  if (one.type === "button") {
    return [button(one.text.text, one.style ?? "",
      () => press({ ...one, block_id: block.block_id }))]
  }
  if (one.options) return [select(one, block, press)]
  return [element("small", "", one.type)]
}

function button(label, style, act) {
  const made = element("button", style, label)
  made.type = "button"
  made.onclick = act
  return made
}

function select(one, block, press) {
  const made = element("select", "")
  for (const option of one.options) {
    const choice = element("option", "", option.text.text)
    choice.value = option.value
    choice.selected = option.value === one.initial_option?.value
    made.append(choice)
  }
  made.name = one.action_id ?? ""
  made.onchange = () => press({ type: one.type, action_id: one.action_id, block_id: block.block_id,
    selected_option: one.options[made.selectedIndex] })
  return made
}

// A form's field; `valuesOf` reads it.
function field(block) {
  const kind = block.element.type
  const long = block.element.multiline
  const input = block.element.options ? select(block.element, block, () => {})
    : element(long ? "textarea" : "input", "")
  input.dataset.block = block.block_id ?? ""
  input.dataset.action = block.element.action_id ?? ""
  input.dataset.kind = kind
  if (block.element.initial_value) input.value = block.element.initial_value
  return element("label", "field", block.label.text, input)
}

export function valuesOf(form) {
  const values = {}
  for (const input of form.querySelectorAll("[data-block]")) {
    const { block, action, kind } = input.dataset
    const chosen = input.localName === "select"
      ? { selected_option: { value: input.value } } : { value: input.value || null }
    values[block] = { ...values[block], [action]: { type: kind, ...chosen } }
  }
  return values
}
