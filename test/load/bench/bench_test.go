package main

import (
	"bufio"
	"net"
	"net/smtp"
	"os"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	vs := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(vs, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if vs[0] != 5 {
		t.Error("the figures were put into another order")
	}
}

func TestSinkTakesMail(t *testing.T) {
	t.Parallel()
	s, err := newSink(false, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	// "INC-2026-0042" in base64, as the program encodes its mails.
	body := "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\nSU5DLTIwMjYtMDA0Mg==\r\n"
	if err := smtp.SendMail(s.addr, nil, "a@load.example", []string{"b@load.example"}, []byte(body)); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.first["INC-2026-0042"]; !ok || s.took.Load() != 1 {
		t.Errorf("took %d mails, of %v", s.took.Load(), s.first)
	}
}

func TestAnswerMustSayCreated(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}":           true,
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n": false,
		"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{}":           false,
	} {
		client, server := net.Pipe()
		go func() { server.Write([]byte(text)); server.Close() }()
		if _, err := answer(bufio.NewReader(client)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLinkedFindsWhatAPageLoads(t *testing.T) {
	t.Parallel()
	got, err := linked([]byte(`<link rel="stylesheet" href="/a.css"><script src="/b.js"></script><svg><use href="/i.svg#x"/></svg><svg><use href="/i.svg#y"/></svg><a href="/no">`))
	if err != nil || strings.Join(got, " ") != "/a.css /b.js /i.svg" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCPUOfThisProcess(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	own, err1 := cpuOf(os.Getpid())
	all, err2 := cpuOfTree(os.Getpid())
	if err1 != nil || err2 != nil || own < 0 || all < own {
		t.Errorf("%v, %v; %v, %v", own, err1, all, err2)
	}
}
