// graphene.js MODULE TOKEN PIN: finds the token by its label, logs in, and signs with graphene: PKCS#1 and PSS.
const graphene = require("graphene-pk11");
const fs = require("fs");

const [path, label, pin] = process.argv.slice(2);
const library = graphene.Module.load(path, "JPKI");
library.initialize();
try {
  const slots = library.getSlots(true);
  let slot;
  for (let i = 0; i < slots.length; i++) if (slots.items(i).getToken().label === label) slot = slots.items(i);
  const session = slot.open(graphene.SessionFlag.SERIAL_SESSION);
  session.login(pin);
  const key = session.find({ class: graphene.ObjectClass.PRIVATE_KEY }).items(0).toType();
  const data = fs.readFileSync("data");
  fs.writeFileSync("pkcs1.sig", session.createSign("SHA256_RSA_PKCS", key).once(data));
  const pss = { name: "SHA256_RSA_PKCS_PSS", params: new graphene.RsaPssParams(graphene.MechanismEnum.SHA256, graphene.RsaMgf.MGF1_SHA256, 32) };
  fs.writeFileSync("pss.sig", session.createSign(pss, key).once(data));
  const certificate = session.find({ class: graphene.ObjectClass.CERTIFICATE }).items(0).toType();
  console.log("signed with the key of " + certificate.label);
  session.logout();
  session.close();
} catch (error) {
  console.log("error: " + error.message);
  process.exitCode = 1;
} finally {
  library.finalize();
}
