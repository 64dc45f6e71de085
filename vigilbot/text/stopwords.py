"""Frequent small words of languages written in Latin script: enough to tell the languages apart.

Chosen by hand to be common in support conversations and, where possible, particular to the language.
"""

# ruff: noqa: RUF001 - letters of other languages are the subject here
from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def word_set(*words: str) -> frozenset[str]:
    """The words of some lines."""
    return frozenset(word for line in words for word in line.split())


STOPWORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(words.split())
        for name, words in {
            "en": "the and is are was to of in it that this with for on you my not have has do does how what "
            "when why where can i we he they be an at from but your if or will would please any there just "
            "i'm it's don't which been after did should could me get all some am as by so no then",
            "de": "der die das und ist nicht ich ein eine einen mit für auf zu den von wie was wenn kann es "
            "habe haben bei auch noch wir sie mein meine dem des im nach aber oder werden wird sich bitte "
            "warum wo keine kein beim zum zur mir mich sind war nur schon immer über",
            "fr": "le la les et est une des du je vous pour pas que qui dans sur avec ce cette mon ma mes ne "
            "comment au aux il elle nous suis ai mais ou où par plus sont être avez fait votre bonjour merci "
            "quand pourquoi c'est j'ai depuis cela ça un de en",
            "es": "el la los las y es una que de en con por para no mi se lo como un pero cuando dónde cómo "
            "qué está están hola gracias del al me te su tengo puedo hay más muy este esta desde porque sin "
            "yo ya si ha he son tiene",
            "pt": "o os as e é um uma que de em com por para não meu minha se como mas quando onde está "
            "você vocês do da no na dos das ao eu tenho posso obrigado obrigada olá isso este esta muito "
            "mais já são foi tem pelo fazer ou ele ela",
            "it": "il lo la gli le e è un una che di in con per non mi si come ma quando dove sono ho hai ha "
            "del della dei nel nella questo questa perché grazie ciao posso più anche alla al da su sul mio "
            "mia cosa può essere c'è ed degli delle",
            "nl": "de het een en is niet ik van op te met voor dat dit mijn hoe wat wanneer waar kan kunnen "
            "zijn heb heeft ook maar als er bij naar om aan jullie wij geen nog wel deze worden wordt uit je "
            "mij waarom hebben dank graag",
            "pl": "i w na nie się jest to z do że jak co czy mam mi po za ale od dla przez tak są może można "
            "gdzie kiedy dlaczego mój moja jestem ten ta już tylko proszę dzięki dziękuję przy oraz być o ze "
            "nam mnie jego który która mogę hasło działa błąd zrobić próbuję ktoś jakiś",
            "sv": "och är att det som en ett jag inte på för med av till den har kan hur vad när var vi ni "
            "min mitt mina men om eller från finns så här där tack hej någon något bara också vill blir får "
            "ska de kunna varför",
            "da": "og er at det som en et jeg ikke på for med af til den har kan hvordan hvad når hvor vi "
            "min mit mine men om eller fra så her der tak hej nogen noget kun også vil bliver får skal de "
            "hvorfor mig",
            "tr": "ve bir bu da de için ile ne nasıl neden ben çok var yok mi mı mu ama değil olarak daha "
            "gibi sonra şu o kadar olan nerede zaman beni bana benim lütfen teşekkürler merhaba hata "
            "oluyor ediyor olabilir her şey ya veya",
            "id": "yang dan di ini itu untuk dengan tidak saya ada bisa dari ke apa bagaimana kenapa mengapa "
            "sudah belum akan kami kita anda atau juga pada karena kalau jika tolong terima kasih mohon "
            "bukan lagi saat adalah tapi",
            "cs": "a je se na v to že s z do jak co ale by jsem jsou pro nebo při když kde proč mi mám "
            "prosím děkuji není také už ještě jen po od který která já můj moje tento tato si nelze",
            "ro": "și si este nu un o în in la de cu pe care pentru ce cum când unde am ai are sunt mai din "
            "dar sau mi îmi să sa prin vă mulțumesc bună acest această fi fost după",
            "vi": "là và của có không tôi cho được với các một này đã bị khi nào làm thế sao đang bạn "
            "xin cảm ơn vẫn thì ở để lỗi như từ đến rồi nhưng hoặc",
            "fi": "ja on ei se että en minun olen mutta kun miten mitä missä miksi tai myös jos ovat oli voi "
            "voin kuin sen tämä niin vain ole mun mulla kiitos hei ollut joka onko",
            "hu": "a az és nem hogy egy is van ez de meg mi hogyan miért hol ha csak már kell lehet vagy "
            "volt nekem köszönöm szia ezt még el fel ki mert amikor azt sem",
        }.items()
    }
)
