package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"sekimori/internal/tool/isolation/stage"
)

func prepare() { stage.Enter() }

// unable says why nothing can be shown here; "" when it can.
func unable() string {
	if os.Geteuid() == 0 {
		return ""
	}
	return "ネットワークを作るために管理者権限が必要です。sudo make demo-isolate としてください。 / This makes networks and needs root: sudo make demo-isolate"
}

// show plays everything and gives the exit status.
func show(keep bool) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := &director{ctx: ctx}
	ok := d.run(func() {
		p := play{director: d}
		p.make()
		p.infect()
		p.look()
		p.release()
		if keep {
			p.stay()
		}
	})
	fmt.Println()
	tell("片付けました。このパソコンには何も残っていません。", "Everything is removed. Nothing of it is left on this machine.")
	if ok || keep && ctx.Err() != nil && !d.failed {
		return 0
	}
	return 1
}

// play is the show.
type play struct {
	*director
	step     int
	programs stage.Programs
	company  *stage.Company
	pc       *stage.PC
	ways     []stage.Way
	load     *stage.Download
	shell    *stage.Shell
}

// tell says the same in both languages.
func tell(ja, en string) { fmt.Printf("    %s\n    %s\n", ja, en) }

// scene opens the next step.
func (p *play) scene(ja, en string) {
	p.Helper()
	p.step++
	fmt.Printf("\n[%d] %s\n    %s\n", p.step, ja, en)
}

func (p *play) make() {
	p.scene("プログラムを作ります(初回は少しかかります)。", "The real programs are built (the first time takes a while).")
	dir, err := os.MkdirTemp("", "sekimori-show-")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { os.RemoveAll(dir) })
	if p.programs, err = stage.Build(p.ctx, dir); err != nil {
		p.Fatal(err)
	}
	p.scene("架空の会社を、このパソコンの中の別のネットワークに作ります。", "A made-up company, in networks of its own inside this machine.")
	p.company = stage.New(p, p.programs)
	c := p.company
	c.Files.ServeDownloads()
	p.pc = c.NewPC("pc", stage.PC4, stage.PC6)
	p.pc.Lang = "ja_JP.UTF-8"
	for _, m := range [][3]string{{"管理サーバー", "management server", stage.Management4}, {"社員のパソコン", "the person's PC", stage.PC4},
		{"ファイルサーバー", "file server", stage.Files4}, {"DNSサーバー", "name service", stage.Names4}, {"攻撃者", "attacker", stage.Attacker4}} {
		fmt.Printf("      %-14s %s / %s\n", m[2], m[0], m[1])
	}
	p.scene("パソコンを登録し、エージェントを動かします。", "The PC is enrolled, and its agent runs.")
	p.pc.Enrol()
	p.pc.Start()
	p.pc.AwaitConnected()
	fmt.Println("      " + p.pc.Device)
	p.ways = c.Ways(p.pc, stage.PC4, stage.PC6)
	for _, why := range stage.Open(p.ways...) {
		p.Errorf("%s", why)
	}
	p.scene("ファイルを受け取っている最中です。そして添付ファイルを開いてしまい、攻撃者がこのパソコンを操作しています。",
		"A download runs. And an attachment was opened: an attacker types into this PC.")
	p.load = c.Files.Download(p.pc, 6)
	p.shell = c.Attacker.TakeShell(p.pc, 4)
	p.attacker("echo $((6*7))")
	p.attacker("id -un")
}

// attacker types one command and shows what comes back.
func (p *play) attacker(command string) {
	p.Helper()
	answer, err := p.shell.TypeFor(command, time.Second)
	if err != nil {
		answer = "(応答なし / no answer)"
	}
	fmt.Printf("      攻撃者/attacker$ %s\n      %s\n", command, strings.TrimSpace(answer))
}

func (p *play) infect() {
	p.scene("「感染した」を実行します: sekimori-agent infected", "The person says so: sekimori-agent infected")
	start := time.Now()
	var cut time.Duration
	var told error
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case told = <-p.load.Ended:
			cut = time.Since(start)
		case <-time.After(stage.Patience):
		}
	})
	said := p.pc.Must("infected", "--note", "添付ファイルを開いたら画面が変わりました")
	wg.Wait()
	if cut == 0 {
		p.Fatalf("the download goes on:\n%s", p.pc.Log())
	}
	tell(fmt.Sprintf("命令を打ってから %d ms で、受信中のファイルが切れました(プログラムの起動を含む)。プログラムが受け取ったエラー: %v", cut.Milliseconds(), told),
		fmt.Sprintf("The running download was cut %d ms after the command (with the program's start); its program was told: %v", cut.Milliseconds(), told))
	fmt.Println("\n    この人の画面 / What the person sees:")
	for line := range strings.Lines(said) {
		fmt.Print("    | " + line)
	}
}

func (p *play) look() {
	p.scene("管理サーバーは、依頼・適用・確認の時刻を別々に持っています。", "The server has when it was requested, applied and proven, each for itself.")
	d := p.company.Server.Await(p.pc.Device, "proven", stage.Proven)
	o := d.Isolation.Order
	for _, at := range []struct {
		ja, en string
		at     time.Time
	}{{"依頼", "requested", o.Requested}, {"適用", "applied", o.Applied}, {"確認", "proven", o.Proven}} {
		fmt.Printf("      %s  %s / %s\n", at.at.Local().Format("15:04:05.000"), at.ja, at.en)
	}
	st := p.pc.Await("everything is delivered", func(s stage.Status) bool { return s.Label != "" && s.Waiting == 0 })
	k := p.company.Server.Case(st.Label)
	tell(fmt.Sprintf("報告は届いています: %s、証拠 %d 件", k.Label, len(k.Evidence)), fmt.Sprintf("The report has arrived: %s, with %d pieces of evidence", k.Label, len(k.Evidence)))
	p.scene("攻撃者からは、こう見えます。", "What the attacker sees.")
	p.attacker("echo still there?")
	open := stage.Closed(p.ways...)
	tell(fmt.Sprintf("出る・入る・DNS・ping、IPv4とIPv6、全部で %d 通りを試し、通ったのは %d 通りです。", len(p.ways), len(open)),
		fmt.Sprintf("Out, in, DNS and ping, IPv4 and IPv6: %d ways were tried, %d are open.", len(p.ways), len(open)))
	for _, name := range open {
		p.Errorf("%s: it is open", name)
	}
}

func (p *play) release() {
	p.scene("情報システム管理者が、理由を書いて解除します。", "The IT administrator releases the PC, for a reason.")
	start := time.Now()
	p.company.Server.Release(p.pc.Device, "駆除を確認しました")
	p.company.Server.Await(p.pc.Device, "released", stage.Released)
	tell(fmt.Sprintf("%d ms で解除されました。", time.Since(start).Milliseconds()), fmt.Sprintf("Released after %d ms.", time.Since(start).Milliseconds()))
	for _, why := range stage.Open(p.ways...) {
		p.Errorf("%s", why)
	}
	p.company.Files.Download(p.pc, 4)
	tell("ネットワークは元どおりです。新しいダウンロードも動きます。", "The network is back. A new download runs.")
	p.attacker("echo back again?")
	tell("攻撃者の古い接続は戻りません。", "The attacker's old session does not come back.")
}

// stay leaves everything as it is, for a look around.
func (p *play) stay() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { l.Close() })
	go p.forward(l) // ends with l
	p.scene("このままにしてあります。終わるには Ctrl-C を押してください。", "Everything stays as it is. Ctrl-C ends it.")
	fmt.Printf("      画面 / console   https://localhost:%d/  (証明書は架空のものです / its certificate is made up)\n", l.Addr().(*net.TCPAddr).Port)
	fmt.Printf("      ログイン / login  %s  %s\n", p.company.Server.Login, p.company.Server.Password)
	fmt.Printf("      パソコン / the PC nsenter --net=%s %s status --state %s\n", p.pc.Path(), p.programs.Agent[0], p.pc.State)
	<-p.ctx.Done()
}

// forward lets this machine's browser reach the server.
func (p *play) forward(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer near.Close()
			far, err := p.company.Management.Dial(p.ctx, "tcp", fmt.Sprintf("%s:%d", stage.Management4, stage.Port))
			if err != nil {
				return
			}
			defer far.Close()
			go func() {
				io.Copy(far, near)
				far.Close()
			}()
			io.Copy(near, far)
		}()
	}
}
