// A real OpenID provider for the tests: node provider.mjs REDIRECT_URI. It prints
// its issuer and stops with its standard input. People sign in by
// /interaction/UID?as=NAME&groups=a,b&amr=otp&acr=LEVEL: what they prove is the test's to say.
import http from "node:http";
import Provider from "oidc-provider";

const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const groups = new Map();
  const provider = new Provider(issuer, {
    clients: [{ client_id: "privet", client_secret: "only-for-tests", redirect_uris: [process.argv[2]] }],
    claims: { openid: ["sub", "acr", "amr", "auth_time"], profile: ["name", "preferred_username"], groups: ["groups"] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: id.toUpperCase(), preferred_username: id, groups: groups.get(id) }) }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid profile groups");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on("request", async (req, res) => {
    const url = new URL(req.url, issuer);
    const name = url.searchParams.get("as");
    if (!url.pathname.startsWith("/interaction/") || !name) return answer(req, res);
    groups.set(name, url.searchParams.get("groups").split(","));
    const amr = url.searchParams.get("amr");
    const acr = url.searchParams.get("acr") ?? undefined;
    await provider.interactionFinished(req, res, { login: { accountId: name, acr, amr: amr ? [amr] : ["pwd"] } });
  });
  console.log(issuer);
});
process.stdin.resume().on("end", () => process.exit(0));
