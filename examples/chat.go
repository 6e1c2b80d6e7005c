// A chat over HTTP, with Go's standard library. Usage: go run chat.go CHANNEL PASSWORD NAME [URL]
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"
)

type object map[string]any

var url = "http://127.0.0.1:8545"

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: go run chat.go CHANNEL PASSWORD NAME [URL]")
	}
	channel, password, name := os.Args[1], os.Args[2], os.Args[3]
	if len(os.Args) > 4 {
		url = os.Args[4]
	}
	key := call[string]("shh_generateSymKeyFromPassword", password)
	topic := call[string]("web3_sha3", toHex(channel))[:10]
	mailbox := call[string]("shh_newMessageFilter", object{"symKeyID": key, "topics": []string{topic}})
	fmt.Printf("joined %s, type a message\n", channel)
	go receive(mailbox)
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		call[string]("shh_post", object{"symKeyID": key, "topic": topic, "ttl": 60, "powTarget": 0.2, "powTime": 5,
			"payload": toHex(name + ": " + input.Text())})
	}
	call[bool]("shh_deleteMessageFilter", mailbox)
}

// Prints the messages that arrive.
func receive(mailbox string) {
	for {
		for _, message := range call[[]struct{ Payload string }]("shh_getFilterMessages", mailbox) {
			text, _ := hex.DecodeString(message.Payload[2:])
			fmt.Println(strings.Map(printable, string(text)))
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// Calls a method of the node. An error ends the program.
func call[T any](method string, params ...any) T {
	body, _ := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Result T
		Error  *struct{ Message string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	if answer.Error != nil {
		log.Fatal(answer.Error.Message)
	}
	return answer.Result
}

func toHex(text string) string {
	return "0x" + hex.EncodeToString([]byte(text))
}

// Drops control characters: a sender could control the terminal with them.
func printable(character rune) rune {
	if unicode.IsPrint(character) {
		return character
	}
	return -1
}
