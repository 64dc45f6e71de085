# ruff: noqa: RUF001 - words of many languages
"""Set phrases by which people in support conversations greet, claim, confirm, deny, ask back and guess.

Regular expressions over folded text (vigilbot.text.fold: one case, no Latin accents, plain
apostrophes), whole words for scripts with spaces, substrings for the others. Written by hand; none
belongs to a product or a community.
"""

from __future__ import annotations

import re

_BUG = r"(?:bug|error|problem|issue|fehler|erreur|probleme|problema|erro|errore|fout|blad|ошибк\w+|проблем\w+)"


def _phrases(spaced: str, unspaced: str = "") -> re.Pattern[str]:
    joined = "|".join(line.strip() for line in spaced.split("\n") if line.strip())
    return re.compile(rf"(?<![\w'])(?:{joined})(?![\w])" + (f"|{unspaced}" if unspaced else ""))


GREETING = _phrases(
    r"""
    hi|hii+|hello|hey|heya|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|day)|morning|welcome|hi there|hey there|hello there
    hi all|hello everyone|hey (?:all|folks|guys|everyone)|dear (?:customer|all|team)|dear
    hallo|moin|servus|gruss gott|guten (?:tag|morgen|abend)|liebe\w*|sehr geehrte\w*|bonjour|salut|bonsoir|coucou
    hola|buenas|buenos dias|buenas (?:tardes|noches)|saludos|ola|oi|bom dia|boa (?:tarde|noite)|ciao|salve|buongiorno|buonasera
    hoi|goedemorgen|goedemiddag|goedendag|goedenavond|hej|hejsan|tjena|god (?:morgon|dag|kveld)|hei|moi|czesc|dzien dobry|witam|ahoj|dobry den
    merhaba|selam|gunaydin|iyi gunler|halo|selamat (?:pagi|siang|sore|malam)|xin chao|chao|szia|buna
    привет|здравствуйте|здравствуй|добрый (?:день|вечер)|доброе утро|привіт|добрий день|вітаю|γεια(?: σας)?|καλημερα
    مرحبا|السلام عليكم|اهلا|أهلا|سلام|שלום|היי|नमस्ते
    """,
    r"你好|您好|大家好|早上好|下午好|こんにちは|こんばんは|おはよう|お世話になっております|안녕하세요|안녕|สวัสดี",
)
THANKS = _phrases(
    r"""
    thanks|thank (?:you|u|ya)|thx|tnx|ty|tysm|cheers|much appreciated|appreciate (?:it|that|the help|your help)|many thanks|kudos
    danke\w*|vielen dank|dankeschon|merci(?: beaucoup)?|gracias|muchas gracias|obrigad[oa]|valeu|grazie(?: mille)?|dank je|bedankt|dank u
    tack|tusen tack|tak|takk|dziekuje|dzieki|dekuji|diky|tesekkurler|tesekkur ederim|sagol|terima kasih|makasih|cam on|kiitos|koszonom
    multumesc|спасибо|благодарю|дякую|ευχαριστω|شكرا|متشکرم|ممنون|תודה|धन्यवाद|शुक्रिया
    """,
    r"谢谢|感谢|多谢|謝謝|ありがとう|감사|고마워|고맙|ขอบคุณ",
)
# An analyst takes a question on.
CLAIM = _phrases(
    r"""
    (?:i'm|i am|we're|we are|im|am|team is|engineers are) (?:already |now |currently )?(?:on (?:it|this|that)|looking|checking|investigating|working on|having a look|taking a look|digging)
    on it|looking (?:at|into) (?:it|this|that|your|the)|look(?:ing)? into|checking(?: (?:it|this|that|now|on|with))?|investigating|working on (?:it|this|that|a fix)
    (?:let me|i'll|i will|we'll|we will|ill|gonna|going to) (?:have a look|take a look|look|check|investigate|dig|find out|take (?:it|this|that|over)|handle|get back|ask|verify|try to reproduce|reproduce|follow up|see what)
    will (?:check|look|investigate|get back|take a look)|i got this|i(?:'ve| have) got (?:it|this)|taking (?:it|this|a look)|mine|one (?:sec|second|moment|minute)|give me a (?:sec|second|minute|moment|few)|hold on|bear with me|stand by
    ich (?:schaue|schau|sehe|gucke|prufe|kummere)(?: \w+){0,3}|schaue (?:es )?mir|wird gepruft|wir prufen|bin dran|einen moment|moment bitte|ich (?:ubernehme|melde mich)
    je (?:regarde|verifie|m'en occupe|m'en charge|reviens|me renseigne)|on regarde|nous verifions|un instant|je suis dessus
    (?:lo|la|ya lo) (?:estoy )?(?:reviso|miro|revisando|mirando|investigando)|estoy (?:en ello|revisando|mirando|investigando)|voy a (?:revisar|mirar|ver|comprobar)|dejame (?:ver|revisar|mirar)|un momento|me encargo
    (?:estou|to) (?:vendo|verificando|olhando|investigando|analisando)|vou (?:ver|verificar|olhar|checar|investigar)|deixa eu ver|um momento|estamos verificando
    (?:sto|stiamo) (?:guardando|controllando|verificando)|ci (?:guardo|penso io)|controllo|verifico|un attimo|me ne occupo|do un'occhiata
    ik (?:kijk|check|zoek het uit|ga (?:kijken|er naar kijken))(?: \w+){0,2}|ben ermee bezig|momentje|ik pak het op
    jag (?:kollar|tittar|undersoker|tar det|aterkommer)|kollar|tittar pa det|jeg (?:ser pa|kigger pa|sjekker|undersoger|tager)(?: det)?
    (?:juz )?sprawdzam|zajme sie tym|patrze|sprawdze|chwileczke|podivam se|kontroluji
    (?:сейчас |уже )?(?:смотрю|посмотрю|проверяю|проверю|разбираюсь|разбираемся|занимаюсь|уточню|выясняю)|беру|минуту|секунду|перевіряю|дивлюся|подивлюся|перевірю
    bakiyorum|bakayim|kontrol ediyorum|inceliyorum|ilgileniyorum|saya (?:cek|periksa|lihat)|sedang (?:dicek|kami cek|diperiksa)|mohon tunggu
    سأتحقق|جاري التحقق|ساتحقق|لحظة|بررسی میکنم|בודק|בודקת|אני על זה|देखता हूं|देख रहा हूं
    """,
    r"我(?:来|去|先)?(?:看看|看一下|查一下|查查|处理)|正在(?:查|看|处理|排查)|稍等|我看下|確認します|確認中|確認いたします|調べます|調査します|調べてみます|対応します|少々お待ち"
    r"|확인(?:해|하겠|중|해보겠|할게)|살펴보|알아보|잠시만|กำลังตรวจสอบ|ขอตรวจสอบ",
)
# Words that may follow a claim and name nothing: "I'm looking into this issue now".
CLAIM_OBJECTS = _phrases(
    rf"""
    it|this|that|these|your|the|a|an|for you|now|right|currently|right now|already|{_BUG}|question|request|ticket|case|report|thing|one|matter|asap|shortly|soon|moment|back|to|you|and|with|team|in|is|of|will|let|know|what|on|i|we|me|us
    gerade|jetzt|das|mir|es|mal|an|darum|frage|ce|cela|ca|votre|question|maintenant|esto|eso|ahora|su|isso|agora|seu|questo|ora|dit|het|nu|det|to|это|вопрос|сейчас
    """
)
# The asker says that it worked.
CONFIRM = _phrases(
    r"""
    (?:that|this|it|which|everything|all|now it|that one|your suggestion|the fix|the link|your link|restarting|that's)(?: \w+){0,2} (?:worked|works|did (?:it|the trick)|fixed|solved|helped|helps|resolved|does the trick)
    (?:it|that|this|everything|all)(?:'s| is| seems| looks| appears)(?: \w+){0,3} (?:working|fixed|solved|resolved|sorted|fine now|good now|ok now|back|back up)
    worked(?: (?:for me|perfectly|great|like a charm|fine|now|well|a treat))?|works (?:now|great|perfectly|fine|like a charm|well|for me|again)|works|working (?:now|again|fine|great)|back (?:up|online) now
    (?:that|this)(?:'s| is| was)(?: \w+){0,2} (?:it|the (?:issue|problem|fix|solution|answer|trick|one)|exactly (?:it|what i (?:needed|wanted|was looking for))|what i (?:needed|wanted|was looking for)|helpful)
    exactly what i (?:needed|wanted|was looking for)|problem (?:solved|fixed)|issue (?:solved|resolved|fixed)|(?:it's |is )?(?:solved|resolved|sorted)|fixed it|got it (?:working|to work|fixed|sorted)|you(?:'re| are) right|that makes sense|makes sense|did the trick
    very helpful|super helpful|that helps|helps a lot|you (?:saved|rock)|lifesaver|(?:perfect|awesome|great|excellent|brilliant|amazing|wonderful|nice|cool|ah|oh|got it|ok|okay)[,!. ]+(?:that|this|it) (?:works|worked|did|helps|helped)
    (?:perfect|excellent|brilliant|awesome|amazing|wonderful)[,!. ]+(?:thanks|thank you|thx|cheers)|(?:thanks|thank you|thx)(?: \w+){0,2}[,!. ]+(?:perfect|excellent|brilliant|that's it|exactly|problem solved)
    (?:das |es |jetzt |hat )+(?:funktioniert|geklappt|klappt|geholfen|geht)(?: \w+){0,2}|funktioniert (?:jetzt|wieder|nun|perfekt|super)?|problem gelost|hat geklappt|klappt|geht (?:jetzt|wieder)|gelost|geholfen
    (?:ca|cela) (?:marche|fonctionne|a marche|a fonctionne|a resolu)(?: \w+){0,2}|probleme (?:resolu|regle)|c'est (?:bon|resolu|regle|exactement ca)|resolu
    (?:ya )?(?:funciona|funciono|me funciono|me sirvio|quedo)(?: (?:bien|perfecto|perfectamente|ahora|resuelto|solucionado))?|problema (?:resuelto|solucionado)|solucionado|resuelto|eso era
    (?:agora )?(?:funcionou|deu certo|resolveu|funciona agora)|problema resolvido|resolvido|era isso|consegui
    (?:ora )?(?:funziona|ha funzionato|funziona tutto)|problema risolto|risolto|era quello|ci sono riuscito
    (?:het |dat )?(?:werkt|werkte|heeft geholpen)(?: (?:nu|weer|perfect))?|opgelost|gelukt|det (?:fungerar|funkade|virker|virkede|fungerer|hjalp|loste)(?: \w+){0,2}|fungerar nu|lost
    (?:juz )?(?:dziala|zadzialalo|pomoglo)|rozwiazane|udalo sie|uz to funguje|funguje|vyreseno
    (?:всё |все |уже |теперь |это )*(?:заработало|работает|помогло|получилось|сработало|решено)|проблема решена|працює|допомогло|вийшло
    (?:simdi )?(?:calisti|calisiyor|oldu|duzeldi|cozuldu|ise yaradi)|sudah (?:bisa|berhasil|beres)|berhasil|da duoc|duoc roi
    تم الحل|يعمل الآن|اشتغل|نجح|حلت المشكلة|درست شد|עובד|נפתר|זה עבד|ठीक हो गया|काम कर गया
    """,
    r"解决了|可以了|好了|搞定|成功了|解決しました|解決です|直りました|動きました|できました|うまくいきました|해결(?:됐|되었|했)|됩니다|잘 되네요|됐어요|ใช้ได้แล้ว|แก้ได้แล้ว",
)
# The asker says that it did not help.
DENY = _phrases(
    rf"""
    (?:still|but|now|it|that|this|which|sadly|unfortunately|again|also|and|yet)?,?(?: (?:is|are|it|it's|that|this|i'm|i am|am|i|we|get|getting|seeing|having|have))* ?still (?:(?:is|are|it's|get|getting|having|have|seeing|see|the|same|a|an|not|no|my|does|doesn't|don't|won't|can't|isn't) )*(?:broken|failing|fails|not|error\w*|happening|occur\w*|same|stuck|down|crash\w*|{_BUG}s?|working|work|luck|nothing|persists|there|doesn't|don't|won't|can't|isn't)
    (?:did|does|do|has|have|is|was|are|would|will|ca|wo|could)(?: not|n't) (?:\w+ )?(?:help\w*|work\w*|fix\w*|solve\w*|change anything|resolve\w*|do (?:it|the trick)|apply|make (?:a|any) difference)
    (?:no|without any) (?:luck|dice|joy|change|difference|success|effect)|same (?:error|problem|issue|result|thing|message|behaviou?r)|not (?:work\w*|helpful|fixed|solved|resolved)|never worked|already (?:tried|did|done) (?:that|this|it)|tried (?:that|this|it)(?: already)?|isn't it|not the (?:issue|problem|case)|to no avail|persists|happens again|back again|fails again
    (?:funktioniert|geht|klappt|hilft|hat)(?: \w+){{0,3}} nicht(?: \w+)?|immer noch|(?:gleicher?|selber?|derselbe) fehler|nicht geholfen|(?:ne )?(?:marche|fonctionne) (?:toujours )?pas|toujours (?:pas|le meme|la meme)|meme (?:erreur|probleme)|n'a pas (?:aide|marche|fonctionne)|rien n'y fait
    (?:sigue|siguen|todavia|aun)(?: \w+){{0,3}} (?:sin|no|igual|mismo|misma|error|fallando|saliendo)|no (?:me )?(?:funciona|funciono|sirve|sirvio|ayudo|ayuda)|sigue (?:igual|fallando)|(?:mismo|mesmo) (?:error|problema|erro)|ainda (?:nao|com|da|esta)|nao (?:funcionou|funciona|resolveu|ajudou|deu certo)|continua (?:com|dando|igual|o mesmo)
    non (?:funziona|ha funzionato|va|risolve|ha risolto|aiuta)|ancora (?:non|lo stesso)|stesso (?:errore|problema)|werkt (?:nog (?:steeds|altijd) )?niet|helpt niet|nog (?:steeds|altijd)|zelfde (?:fout|probleem)|fungerar (?:fortfarande )?inte|fortfarande|samma (?:fel|problem)|virker (?:stadig )?ikke|fungerer (?:fortsatt )?ikke|samme (?:feil|fejl)|hjalp inte|hjalp ikke
    (?:nadal |dalej |wciaz )?nie (?:dziala|pomoglo|pomaga)|ten sam (?:blad|problem)|nadal|stale nefunguje|nefunguje|nepomohlo|(?:все |всё )?(?:ещё|еще|равно|по-прежнему) не|не (?:работает|помогло|помогает|заработало|получилось)|та же (?:ошибка|проблема)|не працює|не допомогло
    (?:hala )?(?:calismiyor|olmuyor|olmadi|calismadi|duzelmedi|ise yaramadi)|ayni (?:hata|sorun)|hala|masih (?:tidak|error|belum|sama|gagal)|tidak (?:berhasil|bisa|berfungsi|membantu)|van (?:khong|bi|loi)
    لا يعمل|لم يعمل|ما زال|لا تزال|نفس المشكلة|لم ينجح|کار نمیکند|هنوز|לא עובד|עדיין|לא עזר|काम नहीं|अभी भी
    """,
    r"还是不行|还是不|不行|没用|没有用|无效|仍然|依然|まだ(?:です|動|直|同|だめ|ダメ|エラー)|動きません|直りません|解決しません|できません|だめでした|ダメでした|同じエラー|여전히|아직도|안\s?(?:돼|됩|되)|똑같|ยังไม่|ไม่ได้ผล|ใช้ไม่ได้",
)
# Somebody says that an answer given here is wrong.
REJECT = _phrases(
    r"""
    (?:please )?(?:ignore|disregard) (?:the|that|this) (?:bot|card|answer|reply|suggestion|above|automated|message)(?: \w+)?|ignore (?:the )?(?:above|that)|disregard (?:the )?(?:above|that)|don't (?:listen to|follow|trust|mind) the (?:bot|card|answer)
    (?:the |our |this )?(?:bot|vigilbot|card|automated (?:answer|reply)|assistant)(?:'s| is| was| got)(?: \w+){0,3} (?:wrong|incorrect|mistaken|outdated|not right|confused|off|nonsense|irrelevant|it wrong)|bot(?:'s)? (?:answer|reply|suggestion|card|link)(?: \w+){0,2} (?:wrong|incorrect|outdated|does not apply|doesn't apply|irrelevant|unrelated)
    (?:that|this|it)(?:'s| is) (?:actually |simply |just )?(?:not (?:it|right|correct|true|the (?:answer|issue|problem|cause|case|solution|reason|right)|what|related|relevant|accurate)|wrong|incorrect|unrelated|a different (?:issue|problem|thing)|outdated|no longer (?:true|correct|valid|supported))|that isn't (?:it|right|correct|true|the (?:answer|issue|problem|cause|case|solution))
    (?:that|this|it) (?:does not|doesn't|won't|will not) (?:apply|help|work|fix|solve)(?: \w+){0,3}|(?:wrong|incorrect) (?:answer|article|link|doc|document|advice|information)|not correct|not the right (?:answer|article|link|doc|fix)|the (?:answer|card|suggestion) (?:above|from the bot)? ?(?:is|was) (?:wrong|incorrect|outdated)
    (?:der bot|die antwort|die karte|das)(?: \w+){0,2} (?:falsch|stimmt nicht|liegt falsch)|das stimmt (?:so )?nicht|(?:ignoriert?|ignorieren sie) (?:den bot|die antwort|das)|falsche antwort|das ist nicht (?:richtig|korrekt|das problem)
    (?:ignorez|oubliez) (?:le bot|la reponse|ca|cela)|(?:ce n'est|c'est) (?:pas (?:ca|correct|le probleme|la bonne)|faux|incorrect)|le bot (?:se trompe|a tort)|mauvaise reponse
    (?:ignora|ignoren|ignore|ignorad) (?:el bot|al bot|la respuesta|eso|o bot|a resposta|isso)|(?:eso|esto) (?:no es (?:correcto|eso|asi|el problema)|es incorrecto|esta mal)|no es eso|respuesta (?:incorrecta|equivocada)|el bot (?:se equivoca|esta equivocado)|isso (?:nao (?:e|esta) (?:correto|certo|isso)|esta (?:errado|incorreto))|o bot (?:errou|esta errado)|resposta errada
    (?:ignora|ignorate) (?:il bot|la risposta)|(?:questo |quello )?non e (?:corretto|giusto|quello|questo il problema)|e sbagliato|risposta sbagliata|negeer (?:de bot|het antwoord)|dat (?:klopt niet|is (?:niet juist|onjuist|fout))|bot heeft het mis|strunta i botten|det (?:stammer inte|ar fel|stemmer ikke|er feil|er forkert)|fel svar
    (?:zignoruj|prosze zignorowac|ignoruj) (?:bota|odpowiedz)|to (?:nieprawda|nie to|jest bledne)|bledna odpowiedz|(?:не слушайте|игнорируйте|проигнорируйте) (?:бота|ответ)|(?:это |бот )(?:неверно|неправильно|не так|не то|ошибается|ошибся|неправ)|неверный ответ|це не(?:правильно|вірно)
    botu (?:dikkate almayin|gormezden gel\w*)|bu (?:yanlis|dogru degil)|yanlis cevap|abaikan (?:bot|jawaban)\w*|(?:itu|ini|jawaban) (?:salah|tidak benar|keliru)
    تجاهل (?:الروبوت|البوت|الرد)|هذا (?:خطأ|غير صحيح)|זה לא נכון|תתעלמו מהבוט|यह गलत है
    """,
    r"忽略(?:机器人|上面|它)|机器人(?:说错|错了|不对|搞错)|(?:这|那)(?:是错|不对|不正确|不是)|不对|不是这个|ボットは(?:間違|無視)|ボットの回答は(?:間違|誤)|違います|間違っています|正しくありません|봇(?:은|이)? ?(?:틀|무시)|틀렸|아닙니다|그게 아니",
)
# A guess, not a resolution.
HEDGE = _phrases(
    r"""
    maybe|perhaps|probably|possibly|presumably|might|i (?:think|guess|believe|suppose|suspect|assume|imagine|would guess|wonder|vaguely)|not (?:entirely |quite |really |100% |totally |completely )?sure|unsure|could be|may be|seems like|sounds like|my guess|afaik|afaict|iirc|if i (?:remember|recall)|as far as i|i don't (?:think|believe)|hopefully|wild guess|just a guess|in theory
    vielleicht|eventuell|wahrscheinlich|vermutlich|moglicherweise|ich (?:glaube|denke|vermute)|konnte sein|bin (?:mir )?nicht sicher|peut-etre|probablement|sans doute|je (?:crois|pense|suppose)|pas sur|il se peut
    quizas?|tal vez|a lo mejor|probablemente|posiblemente|creo que|supongo|no estoy segur[oa]|puede ser|podria ser|talvez|provavelmente|acho que|pode ser|nao tenho certeza|suponho|forse|probabilmente|magari|credo|penso che|non sono sicur[oa]|potrebbe|puo darsi
    misschien|waarschijnlijk|ik (?:denk|geloof|vermoed)|niet zeker|kanske|troligen|formodligen|jag tror|kanskje|maske|jeg (?:tror|tenker|mener)|moze|chyba|prawdopodobnie|wydaje mi sie|nie jestem pew\w+|asi|mozna ze|myslim
    может быть|возможно|наверное|наверно|вероятно|думаю|кажется|не уверен\w*|по-моему|можливо|мабуть|здається|belki|galiba|sanirim|muhtemelen|emin degilim|mungkin|sepertinya|kayaknya|co le|hinh nhu
    ربما|أظن|اظن|أعتقد|لست متأكد\w*|شاید|فکر میکنم|אולי|נראה לי|כנראה|शायद
    """,
    r"也许|可能|大概|或许|应该是|我猜|我觉得|不确定|たぶん|多分|おそらく|かもしれ|と思い|と思う|아마|같아요|것 같|글쎄|อาจจะ|น่าจะ",
)
# Nobody knows.
UNKNOWN = _phrases(
    r"""
    no (?:idea|clue)|(?:i |we )?(?:don't|dont|do not|didn't) (?:really |actually |exactly )?know|dunno|i've no idea|haven't (?:a clue|used|tried|seen|looked)|never (?:used|tried|seen|heard)|beats me|can't say|i can't help|not my area|no experience|never mind|nevermind|nvm|not that i know
    keine ahnung|weiss (?:ich )?(?:leider |es )?nicht|aucune idee|je ne sais pas|(?:je |j')?sais pas|ni idea|no (?:lo )?se|ni la menor|nao sei|nao faco ideia|sem ideia|non (?:lo )?so|nessuna idea|geen idee|weet (?:ik )?(?:het )?niet|ingen aning|vet (?:jag )?(?:inte|ej)|vet ikke|aner ikke|ved (?:det )?ikke|nie (?:wiem|mam pojecia)|nevim|netusim
    не знаю|понятия не имею|без понятия|не знаем|не маю уявлення|bilmiyorum|fikrim yok|(?:saya )?(?:tidak|kurang|nggak) tahu|khong biet|لا أعرف|لا اعرف|لا أدري|نمیدانم|לא יודע\w*|אין לי מושג|पता नहीं|मुझे नहीं पता
    """,
    r"不知道|不清楚|不了解|没用过|分かりません|わかりません|分からない|不明です|모르겠|몰라|ไม่ทราบ|ไม่รู้",
)
# An analyst wants to know more before answering.
ASK_MORE = _phrases(
    r"""
    (?:can|could|would|will|may) (?:you|we|i)(?: please| kindly| also| perhaps| at least)? (?:\w+ )?(?:provide|share|send|post|paste|show|tell|confirm|clarify|elaborate|describe|specify|explain|attach|upload|expand|give (?:us|me|more|an?)|let (?:us|me) know|dm|check (?:if|whether|what|which)|see what|have (?:a|the|your)|get (?:a|the|your)|know)
    please (?:\w+ )?(?:provide|share|send|post|paste|tell|confirm|clarify|elaborate|describe|specify|dm|let (?:us|me) know)(?: (?:us|me))? (?:(?:your|the|a|an|more|what|which|whether|if|how|when|where|any|some|us|me)\b)
    (?:what|which) (?:\w+ ){0,2}(?:version|versions|error|errors|device|browser|os|operating system|platform|model|code|output|message|command|steps|environment|machine|phone|app)\b(?: \w+){0,6}
    what (?:exactly |specifically )?(?:do|did|does|are|is|have|happens|error|were) (?:you|it|your|the|that|this|happening)(?: \w+){0,8}|do you (?:have|get|see|mean|use|know|want|need|happen|remember|still|experience)(?: \w+){0,8}|did you (?:get|see|mean|receive|notice|change|already|check|run|do)(?: \w+){0,6}|are you (?:using|on|running|getting|seeing|trying|able|sure|referring|still|talking|asking|in|having|experiencing)(?: \w+){0,6}|have you (?:already|checked|looked|seen|noticed|received|contacted|recently|changed)(?: \w+){0,6}|(?:is|was) (?:it|this|that|there) (?:happening|still|the|on|for|in|a|an|any|your)(?: \w+){0,8}|does (?:it|this|that|the)(?: \w+){1,8}|how (?:are|did|do|is|long|many|much|often|exactly|old) (?:you|your|has|is|was|are|did|do)(?: \w+){0,6}|when (?:did|do|does|was|is) (?:you|it|this|that|the)(?: \w+){0,6}|where (?:do|did|are|is) (?:you|it|this|that|the)(?: \w+){0,6}
    (?:need|needs?) (?:some |a bit |a little )?more (?:info|information|details|context)|more (?:info|information|details|context) (?:please|would help|needed)|what do you mean|for example\?|such as\?|like what|elaborate|got an example|any error(?:s| message)?
    (?:konnen|konnten) sie (?:uns |mir )?(?:bitte )?(?:\w+ ){0,4}(?:senden|schicken|nennen|mitteilen|angeben|beschreiben|teilen)|(?:kannst|konntest) du (?:\w+ ){0,4}(?:schicken|zeigen|sagen|posten|beschreiben)|welche version|welchen fehler|was genau|bitte (?:senden|schicken|teilen|nennen) sie
    pouvez-vous (?:\w+ ){0,3}(?:envoyer|preciser|indiquer|partager|fournir|communiquer|decrire)|quelle version|quel (?:message|appareil|navigateur)|merci de (?:nous )?(?:preciser|envoyer|indiquer)
    (?:puedes|puede|podrias|podria|nos puedes) (?:\w+ ){0,3}(?:enviar\w*|compartir\w*|indicar\w*|decir\w*|confirmar\w*|mandar\w*|detallar\w*|proporcionar\w*)|que (?:version|error|dispositivo|modelo|navegador)|por favor,? (?:envianos|indicanos|confirmanos|compartenos)
    (?:pode|poderia|consegue) (?:\w+ ){0,3}(?:enviar|informar|compartilhar|confirmar|mandar|dizer|detalhar)|qual (?:versao|erro|modelo|aparelho|navegador)|(?:puoi|potresti|puo|potrebbe) (?:\w+ ){0,3}(?:inviar\w*|indicar\w*|dir\w*|condivider\w*|confermar\w*|fornir\w*)|quale (?:versione|errore|modello|browser)
    (?:kun|kunt|kan) (?:je|u|jij) (?:\w+ ){0,5}(?:sturen|delen|vertellen|laten weten|doorgeven|aangeven)|welke versie|welke fout|kan du (?:\w+ ){0,4}(?:skicka|dela|beratta|sende|dele|fortelle|beskrive|beskriva)|vilken version|hvilken versjon|hvilken version
    (?:czy )?(?:mozesz|moglbys|mozna|prosze) (?:\w+ ){0,2}(?:podac|wyslac|przeslac|pokazac|opisac|podeslac|napisac)|(?:jaka|ktora) wersj\w+|muzete (?:\w+ ){0,2}(?:poslat|uvest|popsat)|jakou verzi
    (?:можете|могли бы|пришлите|скиньте|уточните|подскажите|покажите|напишите)(?: \w+){0,5}|какая (?:версия|ошибка)|какую версию|надішліть|уточніть|яка версія
    (?:gonderebilir|paylasabilir|yazabilir|iletebilir|belirtebilir) misin\w*|hangi (?:surum|hata|versiyon|cihaz)|(?:bisa|boleh|mohon) (?:\w+ ){0,2}(?:kirim\w*|bagikan|infokan|diinfokan|jelaskan|sebutkan)|versi (?:apa|berapa)
    هل يمكنك (?:\S+ )?(?:إرسال|مشاركة|تزويدنا)|ما هو (?:الإصدار|الخطأ)|אפשר לשלוח|איזו גרסה|کدام نسخه|कौन सा version|कृपया (?:\S+ ){0,3}(?:भेजें|बताएं)
    """,
    r"能(?:否|不能)?(?:提供|发|截图|说明)|请(?:提供|问|发|说明|描述|告知)|什么版本|哪个版本|什么错误|有没有报错|教えて(?:いただけ|ください|くれ)|お知らせください|どのバージョン|どのような|バージョンは|送って(?:いただけ|ください)|알려\s?(?:주|줄)|어떤 (?:버전|오류|기기)|버전이|보내\s?주|รบกวน(?:แจ้ง|ส่ง)|เวอร์ชันอะไร",
)
# A suggestion in the form of a question is an answer.
SUGGEST = _phrases(
    r"""
    have you (?:tried|considered|thought)|did you try|(?:why|can't you|could you|couldn't you|can you)(?: not| just| maybe| simply)+ |what about|how about|why (?:not|don't you)|you (?:can|could|may|might|should|want|need|have to|must)|try|would (?:\w+ )?work|wouldn't (?:\w+ )?work|use
    haben sie (?:schon|bereits|mal) (?:\w+ ){0,4}versucht|hast du (?:schon|mal) (?:\w+ ){0,4}(?:probiert|versucht)|avez-vous essaye|as-tu essaye|has probado|ha probado|ya probaste|ja tentou|voce tentou|hai provato|ha provato|heb je (?:\w+ ){0,3}geprobeerd|har du (?:provat|provd|provet)|probowal\w+|zkusil\w*|пробовал\w*|попробуй\w*|denediniz mi|sudah coba
    """,
    r"试过|试试|試して|해보셨|시도해|ลอง",
)
# What concerns one person's account, or leaves the conversation: nothing for others to learn.
PRIVATE = _phrases(
    r"""
    (?:i|we)(?:'ve| have|'ll| will| just| already|'ve just| have just| have already| can see)? ?(?:\w+ )?(?:reset|refunded|credited|issued|unlocked|unblocked|escalated|cancelled|canceled|updated|changed|re-?activated|activated|deactivated|removed|added|processed|submitted|opened|created|sent|reshipped|replaced|forwarded|restored|granted|approved|whitelisted) (?:(?:it|this|that|you|your|a|an|the|for|to|my|our) )*(?:your|you|account|order|refund|ticket|case|subscription|replacement|password|request|access|e-?mail|invitation|permission\w*)
    your (?:account|order|refund|subscription|request|ticket|case|password|package|payment|access|permissions?|profile|device|line|number|invoice)(?: \w+){0,3} (?:has|have|had|was|were|is|are|will be|'s)(?: now| been| already| being)* (?:reset|refunded|credited|unlocked|unblocked|escalated|cancelled|canceled|updated|changed|reactivated|activated|processed|shipped|dispatched|delivered|approved|suspended|restored|scheduled|locked|closed)
    (?:send|drop|shoot|write|give|leave|message|follow(?: and)?) (?:us |me |our team )?(?:a |an |your |the )?(?:\w+ ){0,5}(?:dm|pm|direct message|private message|dms)|dm (?:us|me)|pm (?:us|me)|(?:via|by|through|in|over|to) (?:a )?(?:dm|pm|direct message|private message|dms)\b|check (?:your|ur) (?:dm|dms|inbox)|(?:your|ur) (?:phone number|account number|order number|e-?mail address|full name|serial number|date of birth|zip code|address|case number|ticket number)
    (?:schicken|senden|schreiben) sie uns (?:\w+ ){0,4}(?:dm|pn|nachricht|direktnachricht)|per (?:dm|pn)|ihr (?:konto|auftrag|passwort) (?:wurde|ist)|ihre (?:bestellung|anfrage) (?:wurde|ist)|(?:envoyez|contactez)-nous (?:en|par|un) (?:dm|mp|message prive)|en (?:dm|mp)|votre (?:compte|commande) a ete
    (?:envianos|mandanos|escribenos|enviame)(?: \w+){0,3} (?:dm|md|mensaje (?:directo|privado))|por (?:dm|md|interno)|tu (?:cuenta|pedido) (?:ha sido|fue)|su (?:cuenta|pedido) (?:ha sido|fue)|(?:nos )?(?:envie|mande|chame)(?: \w+){0,3} (?:dm|mensagem (?:direta|privada))|sua conta foi|seu pedido foi|(?:scrivici|inviaci|contattaci)(?: \w+){0,3} (?:dm|privato|messaggio)|il tuo (?:account|ordine) e stato
    stuur (?:ons )?(?:\w+ ){0,3}(?:dm|prive)|via (?:dm|pb)|skicka (?:ett )?(?:\w+ ){0,2}(?:dm|pm)|(?:napisz|wyslij)(?: \w+){0,3} (?:dm|pw|wiadomosc prywatna)|(?:напишите|пришлите)(?: \w+){0,4} (?:лс|личные сообщения|личку|директ)|в (?:лс|личку|личные сообщения)|(?:bize )?dm(?:'den)?|(?:kirim|silakan)(?: \w+){0,3} dm|راسلنا (?:على|عبر) الخاص
    """,
    r"私信|DMをお送り|DMにて|ダイレクトメッセージ|DM(?:으로|을)|다이렉트 메시지",
)
SIGNATURE = re.compile(
    r"(?:^|\s)(?:[\^~*]\s?[A-Za-z][\w.]{0,14}|-\s?[A-Z][A-Za-z]{0,14}|/[A-Z]{1,3}|—\s?[A-Z]\w{0,14}|#\w{2,20}help)\s*$"
    r"|\b(?:best regards|kind regards|regards|sincerely|best wishes|cheers|mit freundlichen grussen|viele grusse|cordialement"
    r"|saludos|atenciosamente|cordiali saluti|met vriendelijke groet|med vanliga halsningar|z powazaniem|с уважением)"
    r"[,\s]*(?:\w+\s?){0,4}$",
    re.IGNORECASE,
)
