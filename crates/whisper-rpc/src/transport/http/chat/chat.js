// A chat over a Whisper node, in plain JavaScript. It uses five methods of JSON-RPC, at the address that the page is from:
// a key is made from the password, a topic from its name, a filter collects messages, and posts send them.

const $ = (id) => document.getElementById(id)
const POLL = 1000 // milliseconds between two looks for messages
const TTL = 60 // seconds that a message lives
const LINES = 1000 // messages of a topic that are kept

const joined = new Map() // the topics, by name: { key, topic, filter, lines, seen, unread }
let current = null
let calls = 0
let token = ''

// --- JSON-RPC ---

async function call(method, ...params) {
  const headers = { 'Content-Type': 'application/json' }
  if (token) headers.Authorization = `Bearer ${token}`
  const body = JSON.stringify({ jsonrpc: '2.0', id: ++calls, method, params })
  const response = await fetch('/', { method: 'POST', headers, body })
  if (response.status === 401) {
    $('entry').hidden = false
    $('token').focus()
    throw new Error('this node asks for a token')
  }
  const { result, error } = await response.json()
  if (error) throw new Error(error.message)
  return result
}

const toHex = (words) => [...new TextEncoder().encode(words)].reduce((hex, byte) => hex + byte.toString(16).padStart(2, '0'), '0x')
const fromHex = (hex) => new TextDecoder().decode(Uint8Array.from(hex.slice(2).match(/../g) ?? [], (byte) => parseInt(byte, 16)))

// --- Topics ---

async function join(name, password) {
  if (joined.has(name)) return show(name)
  const key = await call('shh_generateSymKeyFromPassword', password)
  const topic = (await call('web3_sha3', toHex(name))).slice(0, 10)
  const criteria = { symKeyID: key, topics: [topic], includePooled: true }
  const of = { key, topic, filter: await call('shh_newMessageFilter', criteria), lines: [], seen: new Set(), unread: 0 }
  joined.set(name, of)
  show(name)
  say(`joined ${name}${(await history(of)) ? ', with what an archive has' : ''}`)
}

/** Adds what archives have. Returns whether there is one; without one, the chat begins now. */
async function history(of) {
  try {
    let cursor = ''
    for (let page = 0; page < 10; page += 1) {
      const part = await call('history_query', { symKeyID: of.key, topics: [of.topic], cursor, limit: 500 })
      for (const message of part.messages ?? []) add(of, message)
      cursor = part.cursor
      if (part.caughtUp) return true
    }
    return true
  } catch {
    return false
  } finally {
    draw()
  }
}

async function look() {
  for (const of of joined.values()) {
    const messages = await call('shh_getFilterMessages', of.filter)
    for (const message of messages) add(of, message)
    if (messages.length > 0) draw()
  }
}

function add(of, { hash, timestamp, payload }) {
  if (of.seen.has(hash)) return
  of.seen.add(hash)
  // Invisible characters could deceive.
  const words = fromHex(payload).replace(/\p{C}/gu, '')
  const [, name, text] = words.match(/^([^:]{1,32}): (.*)$/s) ?? [null, '', words]
  of.lines.push({ timestamp, name, text })
  of.lines.sort((one, other) => one.timestamp - other.timestamp)
  of.lines.splice(0, of.lines.length - LINES)
  if (of !== joined.get(current)) of.unread += 1
}

// --- The page ---

const say = (text) => { $('status').textContent = text }

function element(name, text, className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className })
}

function show(name) {
  current = name
  joined.get(name).unread = 0
  $('talk').hidden = false
  draw()
  $('text').focus()
}

function draw() {
  $('topics').replaceChildren(...[...joined].map(([name, of]) => {
    const button = element('button', of.unread ? `${name} (${of.unread})` : name)
    button.type = 'button'
    button.setAttribute('aria-current', String(name === current))
    button.addEventListener('click', () => show(name))
    return button
  }))
  $('log').replaceChildren(...(joined.get(current)?.lines ?? []).map(({ timestamp, name, text }) => {
    const line = element('li', '')
    const time = element('time', new Date(timestamp * 1000).toLocaleTimeString())
    const words = element('span', text)
    words.dir = 'auto'
    if (name) words.prepend(element('span', name, 'name'), ' ')
    line.append(time, words)
    return line
  }))
  $('log').lastElementChild?.scrollIntoView({ block: 'nearest' })
}

const failed = (error) => say(error.message)

$('entry').addEventListener('submit', (event) => {
  event.preventDefault()
  token = $('token').value.trim()
  $('token').value = ''
  $('entry').hidden = true
  $('join').requestSubmit()
})

$('join').addEventListener('submit', (event) => {
  event.preventDefault()
  join($('topic').value.trim(), $('password').value).catch(failed)
})

$('talk').addEventListener('submit', (event) => {
  event.preventDefault()
  const { key, topic } = joined.get(current)
  const payload = toHex(`${$('name').value.trim()}: ${$('text').value}`)
  $('text').value = ''
  call('shh_post', { symKeyID: key, topic, payload, ttl: TTL, powTarget: 0.2, powTime: 5 }).catch(failed)
})

// One look after the other: a node that is slow is not asked faster.
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, POLL))
  await look().catch(failed)
}
