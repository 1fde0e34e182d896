package subs_test
import ("testing";"strings";"math/rand/v2";"github.com/clasp-studio/clasp/router/subs";"time")
func TestAdv(t *testing.T) {
  for _, unit := range []string{"/**", ""} {
	for _, lim := range [][2]int{{250,512},{32,512},{32,64},{16,512},{16,64}} {
		var table subs.Table[sub]
		r := rand.New(rand.NewPCG(1,1))
		segs := []string{"a","*","a*","*a","*a*"}
		for i := range 1000 {
			var b strings.Builder
			b.WriteString("/**")
			for strings.Count(b.String(),"/") < lim[0] { b.WriteString(unit+"/"+segs[r.IntN(5)]) }
			b.WriteString("/b/**")
			p := compile(t, strings.Replace(b.String(),"/**/**","/**",1))
			table.Add(p, &sub{i})
		}
		best := time.Hour
		for range 3 { s := time.Now()
		table.AppendMatch(nil, strings.Repeat("/a",lim[1])); best = min(best, time.Since(s)) }
		t.Log(unit, lim, table.Nodes(), best)
	}
  }
}
