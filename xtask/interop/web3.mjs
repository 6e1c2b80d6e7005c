// An application that uses a node through web3's package for Whisper, over HTTP or WebSocket. It calls every method.
// Arguments: the node's URL for one of the transports, the HTTP URL of a second node, and the token of a team if the node has
// teams. It prints each step, and ends with an error at the first answer that differs from go-ethereum's.

import assert from 'node:assert/strict'
import Shh from 'web3-shh'

const STEP_LIMIT_MS = 20_000
const [url, other, token] = process.argv.slice(2)
const transport = url.startsWith('ws') ? 'WebSocket' : 'HTTP'

// web3 sends a token in a header of its provider.
const withToken = (url) => {
  const authorization = `Bearer ${token}`
  return url.startsWith('ws')
    ? new Shh.providers.WebsocketProvider(url, { headers: { authorization } })
    : new Shh.providers.HttpProvider(url, { headers: [{ name: 'Authorization', value: authorization }] })
}

// A node, with the methods of the namespace `admin` that this script calls.
const connect = (url) => {
  const shh = new Shh(url)
  shh.extend({
    property: 'node',
    methods: [
      { name: 'addPeer', call: 'admin_addPeer', params: 1 },
      { name: 'info', call: 'admin_nodeInfo' },
      { name: 'peers', call: 'admin_peers' },
    ],
  })
  return shh
}
const shh = connect(token ? withToken(url) : url)
const far = connect(other)

// Waits for a promise with a limit. The error contains `what`.
const within = (what, promise) => {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${STEP_LIMIT_MS / 1000} s: ${what}`)), STEP_LIMIT_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
const step = async (what, action) => {
  const result = await within(what, action())
  console.log(`  web3 over ${transport}${token ? ' with a token' : ''}: ${what}`)
  return result
}
const utf8ToHex = (text) => `0x${Buffer.from(text, 'utf8').toString('hex')}`

// Subscribes. Resolves once the node has confirmed the subscription, with a promise of the first message.
const subscribe = (criteria) =>
  new Promise((confirmed, refused) => {
    const subscription = shh.subscribe('messages', criteria)
    const first = new Promise((resolve, reject) => {
      subscription.on('data', resolve)
      subscription.on('error', reject)
    })
    first.catch(refused)
    subscription.on('connected', () => confirmed({ subscription, first }))
  })

// Resolves with the node's answer, which web3 passes only to a callback.
const unsubscribe = (subscription) =>
  new Promise((resolve, reject) =>
    subscription.unsubscribe((error, answer) => (error ? reject(error) : resolve(answer))),
  )

// Repeats `ask` until its answer is truthy.
const until = async (ask) => {
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
// Waits until a filter has messages, and resolves with them.
const collected = (node, filter) =>
  until(async () => {
    const messages = await node.getFilterMessages(filter)
    return messages.length > 0 && messages
  })

const topic = '0xdeadbeef'
const post = (fields) => shh.post({ ttl: 30, powTarget: 0.25, powTime: 5, topic, ...fields })

await step('the version is 6', async () => {
  assert.equal(await shh.getVersion(), '6.0')
  const info = await shh.getInfo()
  assert.equal(typeof info.minPow, 'number')
  assert.equal(info.maxMessageSize, 1024 * 1024)
})

const symKeyID = await step('symmetric keys are generated, added, derived and deleted', async () => {
  const made = await shh.newSymKey()
  assert.match(made, /^[0-9a-f]{64}$/)
  assert.match(await shh.getSymKey(made), /^0x[0-9a-f]{64}$/)
  const raw = `0x${'42'.repeat(32)}`
  const added = await shh.addSymKey(raw)
  assert.equal(await shh.getSymKey(added), raw)
  assert.equal(await shh.deleteSymKey(added), true)
  assert.equal(await shh.hasSymKey(added), false)
  const derived = await shh.generateSymKeyFromPassword('a password')
  assert.equal(await shh.hasSymKey(derived), true)
  return made
})

const keyPair = await step('key pairs are generated, exported and deleted', async () => {
  const id = await shh.newKeyPair()
  assert.equal(await shh.hasKeyPair(id), true)
  const spare = await shh.addPrivateKey(`0x${'11'.repeat(32)}`)
  assert.equal(await shh.getPrivateKey(spare), `0x${'11'.repeat(32)}`)
  assert.equal(await shh.deleteKeyPair(spare), true)
  return { id, publicKey: await shh.getPublicKey(id) }
})
assert.match(keyPair.publicKey, /^0x04[0-9a-f]{128}$/)

const symmetric = async () => {
  const { subscription, first } = await subscribe({ symKeyID, topics: [topic] })
  const hash = await post({ symKeyID, payload: utf8ToHex('symmetric') })
  assert.match(hash, /^0x[0-9a-f]{64}$/)
  const message = await within('the symmetric message', first)
  assert.equal(message.payload, utf8ToHex('symmetric'))
  assert.equal(message.topic, topic)
  assert.equal(message.hash, hash)
  assert.equal(message.ttl, 30)
  assert.ok(message.pow >= 0.2, `work of ${message.pow}`)
  assert.equal(await unsubscribe(subscription), true)
}

const asymmetric = async () => {
  const { subscription, first } = await subscribe({ privateKeyID: keyPair.id, sig: keyPair.publicKey })
  await post({ pubKey: keyPair.publicKey, sig: keyPair.id, payload: utf8ToHex('asymmetric') })
  const message = await within('the asymmetric message', first)
  assert.equal(message.payload, utf8ToHex('asymmetric'))
  assert.equal(message.sig, keyPair.publicKey)
  assert.equal(message.recipientPublicKey, keyPair.publicKey)
  assert.equal(await unsubscribe(subscription), true)
}

if (transport === 'WebSocket') {
  await step('a symmetric message reaches its subscriber', symmetric)
  await step('a signed asymmetric message reaches its subscriber', asymmetric)
}

await step('a polled filter has its message once', async () => {
  const filter = await shh.newMessageFilter({ symKeyID, topics: [topic] })
  const hash = await post({ symKeyID, payload: utf8ToHex('polled') })
  const messages = await collected(shh, filter)
  assert.deepEqual(messages.map((message) => message.hash), [hash])
  assert.deepEqual(await shh.getFilterMessages(filter), [])
  assert.equal(await shh.deleteMessageFilter(filter), true)
})

await step('a signed and padded message reaches its filter, an unsigned one does not', async () => {
  const filter = await shh.newMessageFilter({ privateKeyID: keyPair.id, sig: keyPair.publicKey })
  const padding = utf8ToHex('padding')
  await post({ pubKey: keyPair.publicKey, payload: utf8ToHex('unsigned') })
  await post({ pubKey: keyPair.publicKey, sig: keyPair.id, payload: utf8ToHex('signed'), padding })
  const messages = await collected(shh, filter)
  assert.deepEqual(messages.map(({ payload, padding }) => [payload, padding]), [[utf8ToHex('signed'), padding]])
  assert.equal(await shh.deleteMessageFilter(filter), true)
})

await step('messages between two nodes, broadcast and direct', async () => {
  const [here, there] = await Promise.all([shh.node.info(), far.node.info()])
  assert.equal(await shh.node.addPeer(there.enode), true)
  await until(async () => (await shh.node.peers())[0]?.protocols.shh?.version === 6)
  const keys = await Promise.all([shh, far].map((node) => node.generateSymKeyFromPassword('shared password')))
  const filter = await far.newMessageFilter({ symKeyID: keys[1], topics: [topic], allowP2P: true })
  await post({ symKeyID: keys[0], payload: utf8ToHex('broadcast') })
  assert.equal((await collected(far, filter))[0].payload, utf8ToHex('broadcast'))

  await until(() => far.markTrustedPeer(here.enode).catch(() => false))
  const direct = { symKeyID: keys[0], targetPeer: there.enode, powTarget: 0, powTime: 0 }
  await post({ ...direct, payload: utf8ToHex('direct') })
  const [message] = await collected(far, filter)
  assert.equal(message.payload, utf8ToHex('direct'))
  assert.ok(message.pow < 0.2, `work of ${message.pow}`)
  await assert.rejects(post({ ...direct, payload: '0x00', targetPeer: 'nonsense' }), /target peer/)
})

await step('an invalid request is an error, and the connection stays open', async () => {
  await assert.rejects(post({ payload: '0x00' }), /key/)
  await assert.rejects(shh.getSymKey('00'.repeat(32)), Error)
  assert.equal(await shh.getVersion(), '6.0')
})

if (transport === 'WebSocket') shh.currentProvider.disconnect(1000, 'done')
