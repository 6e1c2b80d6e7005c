// A chat over WebSocket, without packages. Before version 22, Node.js needs the option --experimental-websocket.

import readline from 'node:readline'

const [channel, password, name, url = 'ws://127.0.0.1:8546'] = process.argv.slice(2)
if (!name || !globalThis.WebSocket) {
  console.error('usage: node [--experimental-websocket] chat.mjs CHANNEL PASSWORD NAME [URL]')
  process.exit(1)
}
const socket = new WebSocket(url)
const waiting = new Map() // the promises of the calls that are not answered yet, by the id of the call
let calls = 0

const call = (method, ...params) =>
  new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject })
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: calls, method, params }))
  })
const toHex = (text) => `0x${Buffer.from(text).toString('hex')}`

const fail = ({ message }) => {
  console.error(`${url}: ${message || 'no connection'}`)
  process.exit(1)
}

socket.onerror = socket.onclose = fail
socket.onopen = () => chat().then(() => process.exit(), fail)
socket.onmessage = ({ data }) => {
  const { id, result, error, params } = JSON.parse(data)
  if (params) {
    const text = Buffer.from(params.result.payload.slice(2), 'hex').toString()
    console.log(text.replace(/\p{C}/gu, '')) // control characters of a sender could control the terminal
  } else if (error) waiting.get(id).reject(new Error(error.message))
  else waiting.get(id).resolve(result)
}

async function chat() {
  const symKeyID = await call('shh_generateSymKeyFromPassword', password)
  const topic = (await call('web3_sha3', toHex(channel))).slice(0, 10)
  await call('shh_subscribe', 'messages', { symKeyID, topics: [topic] })
  console.log(`joined ${channel}, type a message`)
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const payload = toHex(`${name}: ${line}`)
    await call('shh_post', { symKeyID, topic, payload, ttl: 60, powTarget: 0.2, powTime: 5 })
  }
}
