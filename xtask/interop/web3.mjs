// An application that uses a node through web3's package for Whisper, over WebSocket: keys, subscribe, post, receive.
// It prints what it does, and ends with an error at the first thing that is not as go-ethereum would do it.

import assert from 'node:assert/strict'
import Shh from 'web3-shh'

const PATIENCE = 20_000
const [url] = process.argv.slice(2)
const shh = new Shh(url)

// Fails with the name of what is being waited for, instead of waiting for ever.
const within = (what, promise) => {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE / 1000} s: ${what}`)), PATIENCE)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
const step = async (what, action) => {
  const result = await within(what, action())
  console.log(`  web3: ${what}`)
  return result
}
const utf8ToHex = (text) => `0x${Buffer.from(text, 'utf8').toString('hex')}`

// Subscribes and resolves with a promise of the first message, once the node has confirmed the subscription.
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

// Resolves with the node's answer; web3 gives it to a callback only.
const unsubscribe = (subscription) =>
  new Promise((resolve, reject) =>
    subscription.unsubscribe((error, answer) => (error ? reject(error) : resolve(answer))),
  )

const topic = '0xdeadbeef'
const post = (fields) => shh.post({ ttl: 30, powTarget: 0.25, powTime: 5, topic, ...fields })

await step('the version is 6', async () => {
  assert.equal(await shh.getVersion(), '6.0')
  const info = await shh.getInfo()
  assert.equal(typeof info.minPow, 'number')
  assert.equal(info.maxMessageSize, 1024 * 1024)
})

const symKeyID = await step('symmetric keys are made, added, derived and deleted', async () => {
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

const keyPair = await step('key pairs are made, shown and deleted', async () => {
  const id = await shh.newKeyPair()
  assert.equal(await shh.hasKeyPair(id), true)
  const spare = await shh.addPrivateKey(`0x${'11'.repeat(32)}`)
  assert.equal(await shh.getPrivateKey(spare), `0x${'11'.repeat(32)}`)
  assert.equal(await shh.deleteKeyPair(spare), true)
  return { id, publicKey: await shh.getPublicKey(id) }
})
assert.match(keyPair.publicKey, /^0x04[0-9a-f]{128}$/)

await step('a symmetric message reaches its subscriber', async () => {
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
})

await step('a signed asymmetric message reaches its subscriber', async () => {
  const { subscription, first } = await subscribe({ privateKeyID: keyPair.id, sig: keyPair.publicKey })
  await post({ pubKey: keyPair.publicKey, sig: keyPair.id, payload: utf8ToHex('asymmetric') })
  const message = await within('the asymmetric message', first)
  assert.equal(message.payload, utf8ToHex('asymmetric'))
  assert.equal(message.sig, keyPair.publicKey)
  assert.equal(message.recipientPublicKey, keyPair.publicKey)
  assert.equal(await unsubscribe(subscription), true)
})

await step('a polled filter has its message once', async () => {
  const filter = await shh.newMessageFilter({ symKeyID, topics: [topic] })
  const hash = await post({ symKeyID, payload: utf8ToHex('polled') })
  let messages = []
  while (messages.length === 0) {
    messages = await shh.getFilterMessages(filter)
    if (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.deepEqual(messages.map((message) => message.hash), [hash])
  assert.deepEqual(await shh.getFilterMessages(filter), [])
  assert.equal(await shh.deleteMessageFilter(filter), true)
})

await step('a mistake is an error, and the connection goes on', async () => {
  await assert.rejects(post({ payload: '0x00' }), /key/)
  await assert.rejects(shh.getSymKey('00'.repeat(32)), Error)
  assert.equal(await shh.getVersion(), '6.0')
})

shh.currentProvider.disconnect(1000, 'done')
