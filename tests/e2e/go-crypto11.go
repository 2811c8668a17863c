// go-crypto11 MODULE TOKEN ID PIN pkcs1|pss DATA SIGNATURE: signs a file's SHA-256
// go-crypto11 MODULE TOKEN ID PIN https://... CA.pem CERTIFICATE.pem: prints the page that a TLS server gives the card's holder
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/ioutil"
	"log"
	"net/http"
	"os"

	"github.com/ThalesIgnite/crypto11"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func read(name string) []byte {
	data, err := ioutil.ReadFile(name)
	must(err)
	return data
}

func get(key crypto11.Signer, url, ca, certificate string) {
	block, _ := pem.Decode(read(certificate))
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(read(ca))
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:      trusted,
		Certificates: []tls.Certificate{{Certificate: [][]byte{block.Bytes}, PrivateKey: key}},
	}}}
	answer, err := client.Get(url)
	must(err)
	page, err := ioutil.ReadAll(answer.Body)
	must(err)
	fmt.Print(string(page))
}

func main() {
	path, token, pin := os.Args[1], os.Args[2], os.Args[4]
	id, err := hex.DecodeString(os.Args[3])
	must(err)
	// crypto11 needs two sessions at least.
	context, err := crypto11.Configure(&crypto11.Config{Path: path, TokenLabel: token, Pin: pin, MaxSessions: 2})
	must(err)
	defer context.Close()
	key, err := context.FindKeyPair(id, nil)
	must(err)
	if key == nil {
		log.Fatal("no key with this id")
	}
	if len(os.Args[5]) > 5 {
		get(key, os.Args[5], os.Args[6], os.Args[7])
		return
	}
	hash := sha256.Sum256(read(os.Args[6]))
	var options crypto.SignerOpts = crypto.SHA256
	if os.Args[5] == "pss" {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	signature, err := key.Sign(rand.Reader, hash[:], options)
	must(err)
	must(ioutil.WriteFile(os.Args[7], signature, 0600))
}
