// What can happen in a chat beside words, as entries of menus: [label, note, act].

export function sendables({ here, act, ask, inline, pick }) {
  const send = (kind, more = {}) => () => act(`user_sends_${kind}`, { ...here, ...more })
  return [
    ["Photo or file", "several photos make an album", pick],
    ["Voice", "three seconds", send("voice")],
    ["Video", "", send("video")],
    ["Sticker", "👍", send("sticker")],
    ["Location", "", send("location")],
    ["Contact", "", send("contact")],
    ["Poll", "", async () => {
      const given = await ask("A poll", { question: "Tea or coffee?", options: "Tea, Coffee" })
      if (!given) return
      const options = given.options.split(",").map((one) => one.trim())
      act("user_sends_poll", { ...here, question: given.question, options })
    }],
    ["Dice", "", send("dice", { value: 1 + Math.floor(Math.random() * 6) })],
    ["A forwarded message", "", async () => {
      const given = await ask("Forwarded", { from: "Dora", text: "The museum opens at nine." })
      if (!given) return
      const origin = { type: "hidden_user", date: 1700000000, sender_user_name: given.from }
      act("user_says", { ...here, text: given.text, forward_origin: origin })
    }],
    ["Inline query", "ask the bot without writing to it", inline],
  ]
}

export function happenings({ chosen, view, act, ask, choose }) {
  const chat_id = chosen.chat
  const happen = (name, more = {}) => () => act(name, { chat_id, ...more })
  if (chat_id > 0) {
    return [
      ["Block the bot", "", happen("user_blocks")],
      ["Unblock the bot", "", happen("user_unblocks")],
    ]
  }
  const topic = chosen.topic
    ? [["Close this topic", "", happen("close_topic", { thread_id: chosen.topic })]]
    : []
  return [
    ...topic,
    ["Put the bot out", "named then, it is asked as a guest", happen("bot_is_removed")],
    ["Let the bot in", "", happen("bot_is_added")],
    ["Make the bot an administrator", "it hears everything then", happen("bot_is_made_admin")],
    ["Mute the bot", "it may not write", happen("bot_is_muted")],
    ["Another bot writes", "", async () => {
      const given = await ask("Another bot", { text: `@${view.bot.username} hello!` })
      if (given) act("other_bot_says", { chat_id, text: given.text })
    }],
    ["An anonymous administrator writes", "", async () => {
      const given = await ask("In the group's name", { text: `@${view.bot.username} hello!` })
      if (given) act("admin_says_anonymously", { chat_id, text: given.text })
    }],
    ["Become a supergroup", "the chat gets a new id", async () => {
      choose(await act("group_becomes_supergroup", { chat_id }), null)
    }],
  ]
}
