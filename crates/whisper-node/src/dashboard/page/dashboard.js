// Draws the snapshots that the node sends once a second. All text from the network is set as text, never as HTML.
'use strict'

const $ = (id) => document.getElementById(id)
const HISTORY = 60 // seconds of traffic that a line shows
const ROWS = 50 // peers that are listed at first
const NAMED = 24 // peers whose names are drawn
const SAMPLES = 3 // drops of each reason that are shown
const RETRY = 2000 // milliseconds until the next attempt to connect

// --- Text ---

const whole = new Intl.NumberFormat('en')
const number = (value) => whole.format(value)
const rate = (value) => (value >= 100 || value === 0 ? number(Math.round(value)) : value.toFixed(1))
const short = (text, digits = 10) => (text.length > digits + 1 ? `${text.slice(0, digits)}…` : text)

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? number(Math.round(value)) : value.toFixed(1)} ${units[unit]}`
}

function duration(seconds) {
  if (seconds < 1) return 'now'
  for (const [name, size] of [['d', 86400], ['h', 3600], ['min', 60]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${name}`
  }
  return `${Math.round(seconds)} s`
}

const ago = (at, now) => (at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`.replace('now ago', 'now'))

// --- Elements ---

function element(name, content, properties = {}) {
  const made = Object.assign(document.createElement(name), properties)
  if (content instanceof Node) made.append(content)
  else if (content !== undefined && content !== null) made.textContent = content
  return made
}

/** Shows rows in a table body. A row: a key and its cells. Only cells that differ are changed, so that focus stays. */
function rows(body, list, empty) {
  const known = new Map([...body.children].map((row) => [row.dataset.key, row]))
  let at = body.firstElementChild
  if (list.length === 0) list = [{ key: '-', cells: [{ text: empty, span: 9 }] }]
  for (const { key, cells } of list) {
    let row = known.get(key)
    known.delete(key)
    if (!row) {
      row = element('tr')
      row.dataset.key = key
    }
    if (row === at) at = at.nextElementSibling
    else body.insertBefore(row, at)
    cells.forEach((cell, index) => fill(row, index, cell))
    while (row.children.length > cells.length) row.lastElementChild.remove()
  }
  for (const row of known.values()) row.remove()
}

function fill(row, index, cell) {
  const { text, kind = '', title = '', node, span, action } = cell !== null && typeof cell === 'object' ? cell : { text: cell }
  let made = row.children[index]
  if (!made) made = row.appendChild(element('td'))
  if (made.className !== kind) made.className = kind
  if (made.title !== title) made.title = title
  if (span) made.colSpan = span
  if (node) {
    if (made.firstChild !== node) made.replaceChildren(node)
  } else if (action) {
    if (made.textContent !== text) {
      const button = element('button', text, { type: 'button' })
      button.addEventListener('click', action)
      made.replaceChildren(button)
    }
  } else if (made.textContent !== String(text)) made.textContent = text
}

const count = (value) => ({ text: number(value), kind: 'number' })
const size = (value) => ({ text: bytes(value), kind: 'number' })
const code = (text, digits) => ({ text: short(text, digits), kind: 'code', title: text })

// --- State ---

let latest = null
let before = null
const traffic = new Map() // sub-protocol: bytes of each of the last seconds
const sparks = new Map()
const sorting = { by: 'bytes', down: true }

const metric = (name, of = latest) => of?.metrics[name] ?? 0

/** The growth of a counter in a second. */
function growth(name) {
  if (!before || latest.at <= before.at) return 0
  return Math.max(0, metric(name) - metric(name, before)) / (latest.at - before.at)
}

/** The samples of a metric: the labels, and the value. */
function samples(name) {
  const found = []
  for (const [full, value] of Object.entries(latest.metrics)) {
    if (!full.startsWith(`${name}{`)) continue
    const labels = Object.fromEntries([...full.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text]) => [label, text]))
    found.push({ full, labels, value })
  }
  return found
}

// --- Drawing ---

/** A page of a team has no sections about the node. */
function drawTeam() {
  $('identity').textContent = `team ${latest.team}`
  tiles()
  posts()
}

function draw() {
  document.body.dataset.view = latest.team === undefined ? 'node' : 'team'
  if (latest.team !== undefined) return drawTeam()
  const { node } = latest
  $('identity').textContent = `${node.name} · ${short(node.id, 16)} · ${node.listenAddr || 'does not listen'}`
  $('identity').title = node.enode
  tiles()
  peers()
  topology()
  protocols()
  teams()
  budgets()
  fates()
  posts()
  drops()
  dials()
}

const sum = (name) => samples(name).reduce((total, { value }) => total + value, 0)

function teamTiles() {
  return [
    ['Calls', number(sum('rpc_team_calls_total'))],
    ['Bytes', bytes(sum('rpc_team_bytes_total'))],
    ['Posts', number(sum('rpc_team_posts_total'))],
    ['Filters', number(sum('rpc_team_filters'))],
    ['Refused for quotas', number(sum('rpc_team_refused_total'))],
  ]
}

function nodeTiles() {
  const dropped = latest.drops.reduce((total, drop) => total + drop.count, 0)
  return [
    ['Peers', number(latest.peers.length)],
    ['New envelopes/s', rate(growth('whisper_envelopes_new_total'))],
    ['Delivered/s', rate(growth('whisper_delivery_delivered_total'))],
    ['In the pool', number(metric('whisper_pool_envelopes'))],
    ['Filters', number(metric('whisper_filters'))],
    ['Posts', number(metric('whisper_envelopes_posted_total'))],
    ['Drops', number(dropped)],
  ]
}

function tiles() {
  const values = latest.team === undefined ? nodeTiles() : teamTiles()
  const list = $('tiles')
  values.forEach(([name, value], index) => {
    let tile = list.children[index]
    if (!tile) {
      tile = element('div')
      tile.append(element('dt', name), element('dd'))
      list.append(tile)
    }
    tile.lastElementChild.textContent = value
  })
}

const PEER_COLUMNS = [
  ['name', 'Program', (peer) => peer.name],
  ['address', 'Address', (peer) => peer.network.remoteAddress],
  ['direction', 'Direction', (peer) => (peer.network.inbound ? 'in' : 'out')],
  ['link', 'Link', (peer) => peer.network.link],
  ['trip', 'Round trip', (peer) => peer.roundTrip ?? -1, 'number'],
  ['bytes', 'In and out', (peer) => peer.bytesIn + peer.bytesOut, 'number'],
  ['queued', 'Queued', (peer) => peer.queued, 'number'],
  ['caps', 'Sub-protocols', (peer) => peer.caps.join(', ')],
]

function peerCells(peer) {
  const { network } = peer
  const marks = [network.static && 'static', network.trusted && 'trusted'].filter(Boolean).join(', ')
  return [
    { text: short(peer.name, 32), kind: 'whole', title: `${peer.name}\n${peer.enode}` },
    { text: network.remoteAddress, kind: 'code address' },
    network.inbound ? 'in' : `out${marks ? `, ${marks}` : ''}`,
    { text: network.link.split(' ')[0], kind: network.link === 'rlpx' ? 'warn' : '', title: network.link },
    { text: peer.roundTrip === null ? '–' : `${peer.roundTrip.toFixed(1)} ms`, kind: 'number' },
    { text: `${bytes(peer.bytesIn)} / ${bytes(peer.bytesOut)}`, kind: 'number' },
    size(peer.queued),
    { text: peer.caps.join(', '), kind: 'whole' },
  ]
}

function peers() {
  const wanted = $('peer-filter').value.trim().toLowerCase()
  const text = (peer) => `${peer.name} ${peer.network.remoteAddress} ${peer.id} ${peer.key}`.toLowerCase()
  const found = latest.peers.filter((peer) => !wanted || text(peer).includes(wanted))
  const value = PEER_COLUMNS.find(([key]) => key === sorting.by)[2]
  const order = (one, other) => {
    const [first, second] = [value(one), value(other)]
    const result = typeof first === 'number' ? first - second : first.localeCompare(second)
    return (sorting.down ? -result : result) || one.id.localeCompare(other.id)
  }
  found.sort(order)
  const shown = $('peer-all').checked ? found : found.slice(0, ROWS)
  $('peer-count').textContent = `${number(shown.length)} of ${number(latest.peers.length)} are listed`
  const list = shown.map((peer) => ({ key: peer.id, cells: peerCells(peer) }))
  rows(document.querySelector('#peers tbody'), list, wanted ? 'no peer matches' : 'no peers')
}

/** The peers on rings around the node. A ring of a long round trip is far out. */
function topology() {
  const svg = $('topology')
  const make = (name, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name)
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
    return made
  }
  if (!svg.lines) {
    for (const name of ['lines', 'dots', 'names']) svg[name] = svg.appendChild(make('g', {}))
    svg.append(make('circle', { r: 7, class: 'own' }))
    svg.drawn = new Map()
  }
  const sorted = [...latest.peers].sort((one, other) => one.id.localeCompare(other.id))
  const radius = Math.max(1.6, Math.min(6, 60 / Math.sqrt(sorted.length + 1)))
  const gone = new Map(svg.drawn)
  const isNamed = sorted.length <= NAMED
  svg.lines.setAttribute('class', isNamed ? 'named' : '')
  sorted.forEach((peer, index) => {
    gone.delete(peer.id)
    // The golden angle spreads any number of peers. A few are spread evenly, with their names beside them.
    const angle = isNamed ? ((index + 0.5) * 2 * Math.PI) / sorted.length : index * 2.399963
    const far = Math.min(1, Math.log1p(Math.max(0, peer.roundTrip ?? 0)) / Math.log1p(500))
    const distance = isNamed ? 125 + 60 * far : 55 + 130 * far + ((index * 7919) % 53) - 26
    const [x, y] = [Math.cos(angle) * distance * 1.4, Math.sin(angle) * distance].map((value) => value.toFixed(1))
    const kind = peer.network.link === 'rlpx' ? '' : 'sec'
    let drawn = svg.drawn.get(peer.id)
    if (!drawn) {
      drawn = { line: svg.lines.appendChild(make('line', {})), dot: svg.dots.appendChild(make('circle', {})), name: svg.names.appendChild(make('text', {})), last: '' }
      drawn.dot.append(make('title', {}))
      svg.drawn.set(peer.id, drawn)
    }
    const state = `${x} ${y} ${kind} ${radius} ${isNamed}`
    if (drawn.last === state) return
    drawn.last = state
    drawn.line.setAttribute('x2', x)
    drawn.line.setAttribute('y2', y)
    for (const [key, value] of [['cx', x], ['cy', y], ['r', radius], ['class', kind]]) drawn.dot.setAttribute(key, value)
    drawn.dot.firstChild.textContent = `${peer.name}, ${peer.network.remoteAddress}`
    const side = Number(x) < 0 ? -1 : 1
    for (const [key, value] of [['x', Number(x) + side * (radius + 5)], ['y', Number(y) + 4], ['text-anchor', side < 0 ? 'end' : 'start']]) drawn.name.setAttribute(key, value)
    drawn.name.textContent = isNamed ? short(peer.name, 18) : ''
  })
  for (const [id, { line, dot, name }] of gone) {
    for (const gone of [line, dot, name]) gone.remove()
    svg.drawn.delete(id)
  }
  svg.setAttribute('aria-label', `This node and ${number(sorted.length)} peers`)
}

function protocols() {
  const names = new Map()
  for (const metricName of ['p2p_bytes_total', 'p2p_queued_bytes']) {
    for (const { full, labels, value } of samples(metricName)) {
      if (!labels.protocol) continue
      const of = names.get(labels.protocol) ?? { in: 0, out: 0, queued: 0, now: 0 }
      if (metricName === 'p2p_queued_bytes') of.queued += value
      else {
        of[labels.direction] += value
        of.now += growth(full)
      }
      names.set(labels.protocol, of)
    }
  }
  const list = [...names].map(([name, of]) => {
    const line = traffic.get(name) ?? []
    line.push(of.now)
    traffic.set(name, line.slice(-HISTORY))
    const cells = [name, size(of.in), size(of.out), size(of.queued), { node: spark(name), title: `${bytes(of.now)} a second` }]
    return { key: name, cells }
  })
  rows(document.querySelector('#traffic tbody'), list, 'no traffic')
}

function teams() {
  const list = samples('rpc_team_calls_total').map(({ labels: { team } }) => {
    const value = (name) => metric(`${name}{team="${team}"}`)
    const refused = samples('rpc_team_refused_total').filter(({ labels }) => labels.team === team)
    const now = growth(`rpc_team_bytes_total{team="${team}"}`)
    const cells = [
      team, count(value('rpc_team_calls_total')), size(value('rpc_team_bytes_total')), { text: `${bytes(now)}/s`, kind: 'number' },
      count(value('rpc_team_posts_total')), count(value('rpc_team_filters')), count(refused.reduce((total, { value }) => total + value, 0)),
    ]
    return { key: team, cells }
  })
  $('teams').hidden = list.length === 0
  rows(document.querySelector('#teams tbody'), list, '')
}

function spark(name) {
  let svg = sparks.get(name)
  if (!svg) {
    svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    svg.setAttribute('class', 'spark')
    svg.setAttribute('viewBox', `0 0 ${HISTORY - 1} 20`)
    svg.setAttribute('preserveAspectRatio', 'none')
    svg.setAttribute('role', 'img')
    svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'polyline'))
    sparks.set(name, svg)
  }
  const line = traffic.get(name)
  const most = Math.max(1, ...line)
  const points = line.map((value, index) => `${HISTORY - line.length + index},${(19 - (18 * value) / most).toFixed(1)}`)
  svg.firstChild.setAttribute('points', points.join(' '))
  svg.setAttribute('aria-label', `${bytes(line.at(-1))} a second, at most ${bytes(most)}`)
  return svg
}

const meters = new Map()

function budgets() {
  const list = [
    ['Messages and buffers of all connections', metric('p2p_memory_bytes'), metric('p2p_memory_limit_bytes')],
    ['Envelopes in the pool', metric('whisper_pool_bytes'), metric('whisper_pool_limit_bytes')],
  ].map(([name, used, limit]) => {
    let meter = meters.get(name)
    if (!meter) meters.set(name, (meter = element('meter', undefined, { min: 0, max: 1, high: 0.8, ariaLabel: name })))
    meter.value = limit ? used / limit : 0
    return { key: name, cells: [name, size(used), limit ? size(limit) : { text: '–', kind: 'number' }, { node: meter }] }
  })
  rows(document.querySelector('#budgets tbody'), list, '')
}

const FATES = [
  ['new to this node', 'whisper_envelopes_new_total'],
  ['already known', 'whisper_envelopes_known_total'],
  ['sent to peers', 'whisper_relay_sent_total'],
  ['opened by a filter', 'whisper_delivery_opened_total'],
  ['delivered to an application', 'whisper_delivery_delivered_total'],
  ['expired in the pool', 'whisper_relay_expired_total'],
  ['evicted for more work', 'whisper_relay_evicted_total'],
  ['stored in the archive', 'whisper_archive_stored_total'],
]

function fates() {
  const list = FATES.map(([fate, name]) => ({ key: name, cells: [fate, count(metric(name)), { text: rate(growth(name)), kind: 'number' }] }))
  rows(document.querySelector('#fates tbody'), list, '')
}

const POST_STATES = {
  pending: ['on its way', ''], delivered: ['delivered', 'good'], refused: ['refused', 'bad'], nobody: ['no peer to send it to', 'bad'],
  expired: ['expired', 'bad'], evicted: ['evicted', 'bad'], left: ['the peer left', 'bad'], untracked: ['not followed', 'warn'],
  stopped: ['the node stopped', 'warn'],
}

function posts() {
  const list = latest.posts.map((post) => {
    const [text, kind] = POST_STATES[post.state] ?? [post.state, '']
    const optional = (value) => ({ text: value ?? '–', kind: 'number' })
    return {
      key: post.hash,
      cells: [
        { text: short(post.hash, 14), title: post.hash, action: () => look(post.hash) },
        { text, kind },
        optional(post.handed ?? post.kept),
        optional(post.kept),
        post.why ?? '',
      ],
    }
  })
  rows(document.querySelector('#posts tbody'), list, 'no posts')
}

function drops() {
  const list = [...latest.drops]
    .sort((one, other) => other.count - one.count)
    .map(({ reason, count: times, last }) => {
      const sample = ({ at, detail, address, peer, hash }) => {
        const who = address ?? (peer && peerName(peer))
        return [ago(at, latest.at), detail, who, hash && `envelope ${short(hash, 14)}`].filter(Boolean).join(' · ')
      }
      const shown = last.slice(0, SAMPLES)
      const text = shown.map(sample).join('\n')
      const cells = [{ text: reason, kind: 'code' }, count(times), { text, kind: 'lines', title: shown.map(({ hash }) => hash ?? '').join('\n').trim() }]
      return { key: reason, cells }
    })
  rows(document.querySelector('#drops tbody'), list, 'nothing was dropped')
}

function dials() {
  const list = latest.dials.map((dial) => {
    const next = [dial.next, dial.at && ago(dial.at, latest.at), dial.why].filter(Boolean).join(', ')
    const failure = dial.lastFailure ? `${ago(dial.lastFailure.at, latest.at)}: ${dial.lastFailure.why}` : ''
    const place = dial.enode.split('@')[1] ?? ''
    return {
      key: dial.id,
      cells: [{ text: `${short(dial.id, 10)} ${place}`, kind: 'code', title: dial.enode }, dial.kind ?? '', next, { text: dial.failures ?? '', kind: 'number' }, failure],
    }
  })
  rows(document.querySelector('#dials tbody'), list, 'no other nodes are known')
}

// --- Where is my message? ---

const STATES = {
  unknown: ['This node does not know the envelope, or has forgotten it.', 'warn'],
  pooled: ['It is in the pool of this node.', 'good'],
  expired: ['It has left the pool at the end of its life.', ''],
  evicted: ['It was evicted from the pool for envelopes with more work.', 'bad'],
}
const OUTCOMES = {
  otherDialect: 'is for the other version of Whisper', lowWork: 'demands more work', notOpened: 'has another key',
  malformed: 'has the key, and the content is malformed', otherSigner: 'wants another signer',
  inMailbox: 'has the message, and waits for the application', fetched: 'has given the message to the application',
  madeLater: 'matches, and was made later',
}
const SKIPPED = {
  bloom: 'its topic is outside of what the peer wants', work: 'the peer demands more work', size: 'it is too large for the peer',
  light: 'a light client relays nothing', pending: 'it is queued for the peer',
  announced: 'it was announced to the peer, which has not asked for it', asked: 'the peer has asked for it, and it is queued',
}

function peerName(key) {
  const peer = latest?.peers?.find((of) => of.key === key)
  return peer ? `${short(peer.name, 24)} at ${peer.network.remoteAddress}` : `the node ${short(key, 12)}`
}

function explained(found) {
  const now = latest?.at ?? Date.now() / 1000
  const parts = []
  const list = (title, items) => {
    if (items.length === 0) return
    parts.push(element('h3', title))
    const made = element('ul')
    for (const item of items) made.append(element('li', item))
    parts.push(made)
  }
  const [text, kind] = STATES[found.state] ?? [found.state, '']
  parts.push(element('p', text, { className: kind }))
  const { arrival, pooled, receipt } = found
  const facts = []
  if (arrival) {
    const from = { here: 'It was posted here', peer: `It came from ${arrival.peer && peerName(arrival.peer)}`, forgotten: 'It came from a peer that has left' }
    facts.push(`${from[arrival.from]}, ${ago(arrival.at, now)}.`)
  }
  if (found.left) facts.push(`It left the pool ${ago(found.left, now)}.`)
  if (pooled) facts.push(`${pooled.dialect}, topic ${pooled.topic}, ${number(pooled.size)} bytes, work ${pooled.work.toFixed(3)}, expires ${ago(pooled.expiry, now)}.`)
  if (receipt) facts.push(`Its post: ${receipt.state}${receipt.kept === undefined ? '' : `, kept by ${receipt.kept} peers`}${receipt.why ? ` (${receipt.why})` : ''}.`)
  list('What is known', facts)
  list('Peers', (pooled?.peers ?? []).map((peer) => {
    const what = peer.received ? 'has it' : peer.sent ? 'was sent it' : `was not sent it: ${SKIPPED[peer.notSent] ?? peer.notSent}`
    return `${peerName(peer.peer)} ${what}`
  }))
  const filters = (pooled?.filters ?? []).map(({ id, outcome }) => `the filter ${id}… ${OUTCOMES[outcome] ?? outcome}`)
  if (pooled?.moreFilters) filters.push(`${pooled.moreFilters} more filters were not tried`)
  list('Filters', filters)
  list('Drops', found.drops.map((drop) => `${drop.reason}, ${ago(drop.at, now)}${drop.detail ? `: ${drop.detail}` : ''}`))
  $('explanation').replaceChildren(...parts)
}

/** The way of an envelope through the nodes that answered, as a tree; after it the nodes that do not have it. */
function traced({ nodes, complete }) {
  const now = latest?.at ?? Date.now() / 1000
  const [tree, without] = [element('ul', undefined, { className: 'tree' }), element('ul')]
  const items = nodes.map(({ node, parent, state, arrival, left, drops, sharedWith, notSent }) => {
    const isHere = latest?.node?.enode.includes(node.slice(2))
    const name = isHere ? 'this node' : peerName(node)
    const refusals = drops.map((drop) => `${drop.reason}, ${ago(drop.at, now)}`)
    if (!arrival) return without.appendChild(element('li', [name, ...refusals].join('; ')))
    const from = { here: `it was posted ${isHere ? 'here' : 'there'}`, peer: arrival.peer && parent === undefined ? `it came from ${peerName(arrival.peer)}` : 'it came', forgotten: 'it came from a peer that has left' }
    const parts = [`${from[arrival.from]} ${ago(arrival.at, now)}`, left ? `it left the pool ${ago(left, now)} (${state})` : `shared with ${sharedWith} ${sharedWith === 1 ? 'peer' : 'peers'}`]
    const item = element('li', element('span', `${name}: ${[...parts, ...refusals].join('; ')}`))
    item.append(element('ul'))
    for (const { peer, why } of notSent) item.lastElementChild.append(element('li', `not sent to ${peerName(peer)}: ${SKIPPED[why] ?? why}`, { className: 'warn' }))
    return item
  })
  // Each comes after the one that it got the envelope from.
  nodes.forEach(({ parent, arrival }, index) => arrival && (items[parent]?.lastElementChild ?? tree).append(items[index]))
  for (const empty of tree.querySelectorAll('ul:empty')) empty.remove()
  const rest = complete ? 'all that could be asked' : 'others did not answer in time, or a limit was reached'
  const parts = [element('h3', 'The way through the network'), tree]
  if (without.children.length > 0) parts.push(element('h3', 'Nodes that do not have it'), without)
  parts.push(element('p', `${number(nodes.length)} ${nodes.length === 1 ? 'node' : 'nodes'} answered: ${rest}.`))
  $('explanation').replaceChildren(...parts)
}

function look(hash) {
  $('hash').value = hash
  $('find').scrollIntoView()
  ask()
}

function ask(what = 'explain') {
  if (socket?.readyState !== WebSocket.OPEN) {
    $('explanation').textContent = 'There is no connection to the node.'
    return
  }
  $('explanation').textContent = 'Looking…'
  socket.send(JSON.stringify({ [what]: $('hash').value.trim() }))
}

// --- The connection ---

let socket = null
let token = '' // a node with teams asks for one

function show(state, text) {
  const of = $('state')
  if (of.dataset.state !== state || of.textContent !== text) {
    of.dataset.state = state
    of.textContent = text
  }
}

function askForToken(why) {
  show('closed', why)
  token = ''
  $('entry').hidden = false
  $('token').focus()
}

function connect() {
  try {
    socket = new WebSocket(`ws://${location.host}/live`, token ? [`bearer.${token}`] : [])
  } catch {
    // It is sent as the name of a sub-protocol, which may not have all characters of a token.
    askForToken('a browser cannot send a token with / or = : make another one')
    return
  }
  let isOpen = false
  socket.addEventListener('open', () => {
    isOpen = true
    $('entry').hidden = true
  })
  socket.addEventListener('message', ({ data }) => {
    const { snapshot, team, explanation, trace, refused } = JSON.parse(data)
    if (snapshot ?? team) {
      ;[before, latest] = [latest, snapshot ?? team]
      show('live', 'live')
      draw()
    } else if (explanation) explained(explanation)
    else if (trace) traced(trace)
    else $('explanation').textContent = refused
  })
  socket.addEventListener('close', async () => {
    before = null
    // A WebSocket does not tell why it was refused.
    const { status, text } = isOpen ? {} : await refusal()
    if (status === 401) {
      askForToken(token ? 'the token is not that of a team' : 'needs a token')
      return
    }
    if (status === 403 || status === 503) show('refused', text)
    else show('lost', 'no connection')
    setTimeout(connect, RETRY)
  })
}

/** What the node says to the same request without a handshake; the status is 0 if it does not answer. */
async function refusal() {
  try {
    const answer = await fetch('/live', { headers: token ? { Authorization: `Bearer ${token}` } : {} })
    return { status: answer.status, text: (await answer.text()).trim() }
  } catch {
    return { status: 0, text: '' }
  }
}

function start() {
  const head = document.querySelector('#peers thead tr')
  for (const [key, title, , kind] of PEER_COLUMNS) {
    const button = element('button', title, { type: 'button' })
    const cell = element('th', button, { scope: 'col', className: kind ?? '' })
    cell.dataset.key = key
    button.addEventListener('click', () => {
      if (sorting.by === key) sorting.down = !sorting.down
      else Object.assign(sorting, { by: key, down: false })
      sorted()
      if (latest) peers()
    })
    head.append(cell)
  }
  const sorted = () => {
    for (const cell of head.children) {
      if (cell.dataset.key === sorting.by) cell.setAttribute('aria-sort', sorting.down ? 'descending' : 'ascending')
      else cell.removeAttribute('aria-sort')
    }
  }
  sorted()
  for (const [id, event] of [['peer-filter', 'input'], ['peer-all', 'change']]) $(id).addEventListener(event, () => latest && peers())
  $('explain').addEventListener('submit', (event) => {
    event.preventDefault()
    ask()
  })
  $('trace').addEventListener('click', () => $('explain').reportValidity() && ask('trace'))
  $('entry').addEventListener('submit', (event) => {
    event.preventDefault()
    token = $('token').value.trim()
    $('token').value = ''
    connect()
  })
  connect()
}

start()
